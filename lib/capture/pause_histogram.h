// How long pauses were: counts by length.
//
// Thread-compatible.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace stillframe {

class PauseHistogram {
 public:
  // Bounds, each included in its bucket; longer pauses count beyond the last one.
  static constexpr std::array<std::uint64_t, 14> kBoundsUs = {
      100,    250,    500,     1'000,   2'500,   5'000,     10'000,
      25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000};

  void Add(std::uint64_t pause_ns) {
    const std::uint64_t pause_us = (pause_ns + 999) / 1000;
    const auto bound = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), pause_us);
    ++counts_[static_cast<std::size_t>(bound - kBoundsUs.begin())];
    ++count_;
    sum_ns_ += pause_ns;
  }

  // Pauses of at most kBoundsUs[bucket].
  std::uint64_t CountUpTo(std::size_t bucket) const {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i <= bucket; ++i) count += counts_[i];
    return count;
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t sum_ns() const { return sum_ns_; }

 private:
  std::array<std::uint64_t, kBoundsUs.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ns_ = 0;
};

}  // namespace stillframe
