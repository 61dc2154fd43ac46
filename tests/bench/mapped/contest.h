// Ways to read the same memory in the same pattern, beside each other.
//
// Owned by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/support/samples.h"

namespace stillframe::bench {

// The first way is what the others are compared with.
struct Contest {
  struct Way {
    std::string name;
    std::function<std::uint64_t()> read;  // returns a digest of what it read
    Samples seconds = {};
  };

  std::string pattern;
  std::uint64_t accesses = 0;
  std::size_t access_bytes = 0;
  std::vector<Way> ways = {};

  // Of the way's time to that of the first.
  double TimesPlain(std::size_t way) const {
    return MedianRatio(ways[way].seconds, ways.front().seconds);
  }
};

// Has all ways read in turn. DATA_LOSS when one of them read something else than the first.
absl::Status Hold(Contest& contest, int rounds);

}  // namespace stillframe::bench
