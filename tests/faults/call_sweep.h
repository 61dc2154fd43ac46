// Captures of a simulated guest with a fault at each of their calls in turn: calls that fail or
// hang, and a guest that vanishes, reboots or changes its memory between any two.
#pragma once

#include "faults/tally.h"

namespace stillframe::faults {

void SweepCalls(Tally& tally);

}  // namespace stillframe::faults
