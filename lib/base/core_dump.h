// Guests' memory, and what tells about it, belongs in no core dump.
#pragma once

#include <cstddef>

#include "absl/status/status.h"

namespace stillframe {

// Leaves whole mapped pages out of this process's core dumps (MADV_DONTDUMP). Mapping::Shared has
// done so for all that it maps.
absl::Status KeepOutOfCoreDumps(void* at, std::size_t bytes);

}  // namespace stillframe
