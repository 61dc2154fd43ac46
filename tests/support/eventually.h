// Waiting for a condition in a test, with a deadline instead of a sleep of guessed length.
#pragma once

#include <chrono>
#include <thread>

namespace stillframe {

inline constexpr std::chrono::seconds kEventuallyTimeout{20};

// Polls `condition` each millisecond; false when it did not hold within `timeout`.
template <typename Condition>
bool Eventually(Condition&& condition,
                std::chrono::steady_clock::duration timeout = kEventuallyTimeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace stillframe
