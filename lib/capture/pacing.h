// When the next periodic capture of a guest is due.
//
// Owned by the capture worker's thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace stillframe {

class Pacing {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  // `period_ms` 0: on demand only. `downtime_percent_max` 0: no limit.
  Pacing(std::uint64_t period_ms, std::uint64_t downtime_percent_max)
      : period_ns_(period_ms * kNsPerMs), downtime_percent_max_(downtime_percent_max) {}

  // CLOCK_MONOTONIC; kNever without a period.
  std::uint64_t due_ns() const { return due_ns_; }

  // The first capture is due now.
  void Start(std::uint64_t now_ns) {
    if (period_ns_ > 0) due_ns_ = now_ns;
  }

  // A capture begins. One that was asked for leaves the periodic ones where they were.
  void Begin(std::uint64_t now_ns) {
    begin_ns_ = now_ns;
    if (due_ns_ <= now_ns) due_ns_ = now_ns + period_ns_;
  }

  // It kept the guest paused for `paused_ns` in all: the next one comes so much later than it began
  // that the guest had its share of the time between the two.
  void End(std::uint64_t paused_ns) {
    stretched_ns_ = 0;
    if (period_ns_ == 0 || downtime_percent_max_ == 0) return;
    const std::uint64_t least_ns = paused_ns * 100 / downtime_percent_max_;
    if (least_ns <= period_ns_) return;
    stretched_ns_ = least_ns;
    due_ns_ = std::max(due_ns_, begin_ns_ + least_ns);
  }

  // The period that the last pause called for; 0: the wanted one is long enough.
  std::uint64_t stretched_period_ms() const { return (stretched_ns_ + kNsPerMs - 1) / kNsPerMs; }

 private:
  const std::uint64_t period_ns_;
  const std::uint64_t downtime_percent_max_;
  std::uint64_t due_ns_ = kNever;
  std::uint64_t begin_ns_ = 0;
  std::uint64_t stretched_ns_ = 0;
};

}  // namespace stillframe
