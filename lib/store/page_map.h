// Where every page of one generation is: a flat array of slots in a sealed memfd.
//
// Immutable, so thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "store/slot.h"

namespace stillframe {

class PageMap {
 public:
  PageMap() = default;

  // A sealed copy of `slots`.
  static absl::StatusOr<PageMap> Seal(const std::string& name, std::span<const Slot> slots);

  // Maps one that another process sealed; `pages` is what it announced. FAILED_PRECONDITION when
  // the file is shorter or could still change.
  static absl::StatusOr<PageMap> Open(UniqueFd fd, std::uint64_t pages);

  // One per guest frame, from frame 0 on.
  std::span<const Slot> slots() const {
    return {reinterpret_cast<const Slot*>(mapping_.data()), pages_};
  }

  // Read-only descriptor for readers; borrowed.
  int fd() const { return fd_.get(); }

 private:
  PageMap(UniqueFd fd, Mapping mapping, std::size_t pages)
      : fd_(std::move(fd)), mapping_(std::move(mapping)), pages_(pages) {}

  UniqueFd fd_;
  Mapping mapping_;
  std::size_t pages_ = 0;
};

}  // namespace stillframe
