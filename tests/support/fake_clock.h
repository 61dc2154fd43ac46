// A clock that stands still until a test moves it. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace stillframe {

class FakeClock final : public Clock {
 public:
  std::uint64_t MonotonicNs() const override { return monotonic_ns_.load(); }
  std::uint64_t WallNs() const override { return 1'700'000'000'000'000'000ull + MonotonicNs(); }
  void AdvanceMs(std::uint64_t ms) { monotonic_ns_ += ms * 1'000'000; }

 private:
  std::atomic<std::uint64_t> monotonic_ns_{1'000'000'000};
};

}  // namespace stillframe
