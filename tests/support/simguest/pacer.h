// Spreads work over time at a given rate.
//
// Owned by one thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace stillframe::sim {

class Pacer {
 public:
  // `per_second` 0: never wait.
  explicit Pacer(std::uint64_t per_second) : per_second_(per_second) {}

  // `count` more units are done; returns how long to wait before the next.
  std::chrono::nanoseconds Done(std::uint64_t count) {
    using Clock = std::chrono::steady_clock;
    if (per_second_ == 0) return std::chrono::nanoseconds{0};
    const auto now = Clock::now();
    // After a pause, work goes on at the rate instead of catching up.
    if (now - due_ > std::chrono::milliseconds(50)) due_ = now;
    due_ += std::chrono::nanoseconds(1'000'000'000 * count / per_second_);
    return due_ > now ? std::chrono::nanoseconds(due_ - now) : std::chrono::nanoseconds{0};
  }

 private:
  const std::uint64_t per_second_;
  std::chrono::steady_clock::time_point due_{};
};

}  // namespace stillframe::sim
