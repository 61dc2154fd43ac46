// Which pages of a guest are dirty, as benchmarks want them: a given number, scattered or in runs.
//
// Stateless.
#pragma once

#include <cstdint>
#include <random>

#include "guest/page_bitmap.h"

namespace stillframe::bench {

enum class Pattern { kRandom, kClustered };

// Sets `count` more pages of `within`. Clustered: in runs of 1 to 63 pages.
inline void MarkDirty(PageBitmap& dirty, GfnRange within, std::uint64_t count, Pattern pattern,
                      std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (count > 0) {
    Gfn gfn = within.first + random() % within.pages;
    std::uint64_t run = pattern == Pattern::kClustered ? 1 + random() % 63 : 1;
    for (; run > 0 && gfn < within.end() && count > 0; --run, gfn = gfn + 1) {
      if (dirty.Test(gfn)) continue;
      dirty.Set(gfn);
      --count;
    }
  }
}

}  // namespace stillframe::bench
