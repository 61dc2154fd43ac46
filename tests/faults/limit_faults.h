// Memory, descriptors, file size and threads run out, in the daemon and in the gateway.
#pragma once

#include "faults/ward.h"

namespace stillframe::faults {

void SweepLimits(Ward& ward);

}  // namespace stillframe::faults
