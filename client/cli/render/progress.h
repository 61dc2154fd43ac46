// How far something long is, on stderr; of a transfer: done, rate and time left.
//
// Silent for the first second. Owned by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace stillframe::cli {

// What a progress line says; rate is bytes per second.
std::string ProgressLine(const std::string& what, std::uint64_t bytes_done,
                         std::uint64_t bytes_total, double seconds);

class Progress {
 public:
  enum class When : std::uint8_t { kOnTerminal, kAlways };

  Progress(std::string what, std::uint64_t bytes_total, When when);
  ~Progress();  // clears the line

  void Advance(std::uint64_t bytes);

  // Shows `line` in the place of one about bytes.
  void Tell(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;

  const std::string what_;
  const std::uint64_t bytes_total_;
  const bool terminal_;
  const bool enabled_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point next_;
  std::uint64_t bytes_done_ = 0;
  bool shown_ = false;
};

}  // namespace stillframe::cli
