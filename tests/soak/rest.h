// Waiting that a stop request ends.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace stillframe::soak {

// Returns after `length`, or at a stop request.
inline void RestFor(std::chrono::milliseconds length, const std::stop_token& stop) {
  std::mutex mu;
  std::condition_variable_any never;
  std::unique_lock lock(mu);
  never.wait_for(lock, stop, length, [] { return false; });
}

}  // namespace stillframe::soak
