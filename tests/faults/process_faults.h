// Signals to the daemon, the guardian and the gateway, and to a guest, at swept points of a pause.
#pragma once

#include "faults/ward.h"

namespace stillframe::faults {

void SweepProcesses(Ward& ward);

}  // namespace stillframe::faults
