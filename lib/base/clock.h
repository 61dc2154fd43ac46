// Time as the capture path sees it; injected, so that tests set it.
//
// Thread-safe.
#pragma once

#include <cstdint>

namespace stillframe {

inline constexpr std::uint64_t kNsPerMs = 1'000'000;
inline constexpr std::uint64_t kNsPerS = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds of CLOCK_MONOTONIC. Comparable between processes of one host.
  virtual std::uint64_t MonotonicNs() const = 0;

  // Nanoseconds since the Unix epoch.
  virtual std::uint64_t WallNs() const = 0;

  // The machine's clock.
  static const Clock& System();
};

}  // namespace stillframe
