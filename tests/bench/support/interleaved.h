// Runs variants in turn, round by round, so that a noisy machine is unfair to none of them.
//
// Owned by one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/support/samples.h"

namespace stillframe::bench {

struct Variant {
  std::string name;
  std::function<double()> measure;  // one measurement, in the unit of the caller's choice
};

// One Samples for each variant, of `rounds` measurements each; a round before them warms up.
std::vector<Samples> RunInterleaved(const std::vector<Variant>& variants, int rounds);

// Seconds that `work` takes.
double SecondsOf(const std::function<void()>& work);

}  // namespace stillframe::bench
