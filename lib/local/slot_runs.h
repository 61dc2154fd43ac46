// The inner loops over page maps. A guest of 64 GiB has 16 million slots, so blocks are compared
// without branches and compilers make vector code of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "store/slot.h"

namespace stillframe {

// Every slot is below `end` or a reserved value.
bool SlotsAreWithin(std::span<const Slot> slots, Slot end);

// How many slots from the first on each follow the one before: s, s+1, s+2... At least 1.
std::size_t CountConsecutive(std::span<const Slot> slots);

// How many slots from the first on are of the first one's state, which is not "present".
std::size_t CountSameState(std::span<const Slot> slots);

}  // namespace stillframe
