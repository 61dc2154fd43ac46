// Runs of pages found by walking page maps a bounded step at a time.
//
// Owned by one stream. Knows nothing of transport. The maps must outlive the walk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/units.h"
#include "store/slot.h"

namespace stillframe {

// Runs whose slots differ between two maps of one epoch, ascending. A frame that only one of the
// maps has counts as a hole in the other.
class ChangedExtents {
 public:
  // Runs with fewer than `coalesce_pages` unchanged pages between them are joined.
  ChangedExtents(std::span<const Slot> base, std::span<const Slot> target,
                 std::uint64_t coalesce_pages);

  // Appends runs until `out` has `extents_max` or some milliseconds' worth of pages was compared.
  // False: that was the last of them.
  bool Next(std::size_t extents_max, std::vector<GfnRange>& out);

 private:
  bool Changed(std::uint64_t page) const;
  std::uint64_t SkipEqual(std::uint64_t page, std::uint64_t end) const;

  std::span<const Slot> base_;
  std::span<const Slot> target_;
  std::uint64_t coalesce_pages_;
  std::uint64_t common_;  // pages that both maps have
  std::uint64_t total_;   // pages that any has
  std::uint64_t at_ = 0;
  GfnRange open_;  // found, but what follows may still join it
};

struct AllocatedExtent {
  GfnRange range;
  PageState state = PageState::kPresent;
  friend bool operator==(const AllocatedExtent&, const AllocatedExtent&) = default;
};

// Maximal runs of one state, together covering every page.
class AllocatedExtents {
 public:
  explicit AllocatedExtents(std::span<const Slot> slots) : slots_(slots) {}

  // As ChangedExtents::Next.
  bool Next(std::size_t extents_max, std::vector<AllocatedExtent>& out);

 private:
  std::span<const Slot> slots_;
  std::uint64_t at_ = 0;
  AllocatedExtent open_;
};

}  // namespace stillframe
