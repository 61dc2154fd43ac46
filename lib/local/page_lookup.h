// Where each page's bytes are, for walks that read a few bytes here and there: two loads and no
// call.
//
// A view, to be copied freely: good for as long as the snapshot it comes from. Whether the pin held
// is the snapshot's to say (PinnedSnapshot::CheckHeld).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "store/slot.h"

namespace stillframe {

class PageLookup {
 public:
  // Slots below kSlotsMax are within `segments`, each of 1 << `slot_shift` pages.
  PageLookup(const Slot* slots, const std::byte* const* segments, unsigned slot_shift)
      : slots_(slots),
        segments_(segments),
        slot_shift_(slot_shift),
        slot_mask_((Slot{1} << slot_shift) - 1) {}

  // The page's bytes, zeros for a zero page; null for one without bytes. gfn < page_count().
  const std::byte* BytesOf(Gfn gfn) const {
    const Slot slot = slots_[gfn.value];
    if (slot < kSlotsMax) [[likely]] {
      return segments_[slot >> slot_shift_] + (std::size_t{slot & slot_mask_} << kPageShift);
    }
    return slot == kZeroSlot ? kZeroPage.data() : nullptr;
  }

 private:
  alignas(kPageBytes) static constexpr std::array<std::byte, kPageBytes> kZeroPage{};

  const Slot* slots_;
  const std::byte* const* segments_;
  unsigned slot_shift_;
  Slot slot_mask_;
};

}  // namespace stillframe
