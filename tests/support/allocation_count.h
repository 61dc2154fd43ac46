// Counts heap allocations, by standing in for operator new in the program that links it.
//
// Thread-safe: every thread has a count of its own.
#pragma once

#include <cstdint>

namespace stillframe {

// How often this thread called operator new so far.
std::uint64_t ThreadAllocations();

}  // namespace stillframe
