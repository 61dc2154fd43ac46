// How many pages of a page map are in which state.
#pragma once

#include <cstdint>

#include "store/slot.h"

namespace stillframe {

struct PageTally {
  std::uint64_t present = 0;
  std::uint64_t zero = 0;

  void Add(Slot slot) {
    present += slot < kSlotsMax ? 1 : 0;
    zero += slot == kZeroSlot ? 1 : 0;
  }
  void Remove(Slot slot) {
    present -= slot < kSlotsMax ? 1 : 0;
    zero -= slot == kZeroSlot ? 1 : 0;
  }
};

}  // namespace stillframe
