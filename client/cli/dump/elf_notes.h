// The notes of a QEMU guest core: what crash, drgn and Volatility read registers from.
#pragma once

#include <cstddef>
#include <vector>

#include "stillframe/v1/snapshot.pb.h"

namespace stillframe::cli {

// A PT_NOTE segment: "CORE" NT_PRSTATUS of each vCPU, then "QEMU" CPU state of each.
std::vector<std::byte> ElfNotes(const v1::Snapshot& snapshot);

}  // namespace stillframe::cli
