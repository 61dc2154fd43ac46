// Slots that follow each other in one segment, so their pages are contiguous in memory.
#pragma once

#include <cstdint>

#include "store/slot.h"

namespace stillframe {

struct SlotRun {
  Slot first = 0;
  std::uint32_t count = 0;
};

}  // namespace stillframe
