// What a guest's page tables call each of its frames: a flat array of machine frames in a sealed
// memfd, shared by all generations between which none changed.
//
// Immutable, so thread-safe. The values are the guest's own: any may be wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "base/units.h"

namespace stillframe {

class MachineFrames {
 public:
  // A sealed copy of `frames`.
  static absl::StatusOr<MachineFrames> Seal(const std::string& name,
                                            std::span<const std::uint64_t> frames);

  // Maps one that another process sealed; `pages` is what it announced. FAILED_PRECONDITION when
  // the file is shorter or could still change.
  static absl::StatusOr<MachineFrames> Open(UniqueFd fd, std::uint64_t pages);

  // One per guest frame, from frame 0 on; kNoMachineFrame where there is none.
  std::span<const std::uint64_t> frames() const {
    return {reinterpret_cast<const std::uint64_t*>(mapping_.data()), pages_};
  }

  // Read-only descriptor for readers; borrowed.
  int fd() const { return fd_.get(); }

 private:
  MachineFrames(UniqueFd fd, Mapping mapping, std::size_t pages)
      : fd_(std::move(fd)), mapping_(std::move(mapping)), pages_(pages) {}

  UniqueFd fd_;
  Mapping mapping_;
  std::size_t pages_ = 0;
};

}  // namespace stillframe
