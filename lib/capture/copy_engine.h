// Copies pages as fast as one core can.
//
// Stateless, so thread-safe; neither allocates nor waits.
#pragma once

#include <cstddef>
#include <string_view>

namespace stillframe {

// Copies `pages` whole pages between page-aligned, non-overlapping places. `next` is where the
// caller reads from afterwards (or null): its first lines are prefetched, because scattered dirty
// pages cost twice as much without.
using CopyPages = void (*)(std::byte* to, const std::byte* from, std::size_t pages,
                           const std::byte* next);

struct CopyEngine {
  std::string_view name;
  CopyPages copy;
};

// Non-temporal AVX2 stores where the processor has them, else libc's memcpy.
const CopyEngine& BestCopyEngine();

}  // namespace stillframe
