// Counts page faults, to prove that there are none where none may be.
//
// Thread-safe.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace stillframe {

// Page faults of the calling thread so far.
inline std::uint64_t ThreadPageFaults() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

}  // namespace stillframe
