// A page map that is being made in the memory that it will have as a PageMap: written once more
// where it changes, never copied.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "store/page_map.h"
#include "store/page_tally.h"
#include "store/slot.h"

namespace stillframe {

class PageMapDraft {
 public:
  // Of `pages` pages, at least one: those that `former` has as they are there, the others holes.
  // Faulted in, so that Set is quick.
  static absl::StatusOr<PageMapDraft> Make(std::uint64_t pages, std::span<const Slot> former);

  std::uint64_t pages() const { return mapping_.size() / sizeof(Slot); }
  Slot At(std::uint64_t page) const { return slots()[page]; }
  const PageTally& tally() const { return tally_; }

  void Set(std::uint64_t page, Slot slot) {
    Slot& held = slots()[page];
    tally_.Remove(held);
    tally_.Add(slot);
    held = slot;
  }

  // The map as it is now, for good.
  absl::StatusOr<PageMap> Seal() &&;

 private:
  PageMapDraft(UniqueFd fd, Mapping mapping) : fd_(std::move(fd)), mapping_(std::move(mapping)) {}

  Slot* slots() const { return reinterpret_cast<Slot*>(mapping_.data()); }

  UniqueFd fd_;
  Mapping mapping_;
  PageTally tally_;
};

}  // namespace stillframe
