#include "bench/support/interleaved.h"

#include <chrono>

namespace stillframe::bench {

std::vector<Samples> RunInterleaved(const std::vector<Variant>& variants, int rounds) {
  std::vector<Samples> samples(variants.size());
  for (const Variant& variant : variants) static_cast<void>(variant.measure());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < variants.size(); ++i) samples[i].Add(variants[i].measure());
  }
  return samples;
}

double SecondsOf(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace stillframe::bench
