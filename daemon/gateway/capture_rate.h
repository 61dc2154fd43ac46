// How often each principal may have a guest paused: so many captures a minute.
//
// Thread-safe. A bucket for each principal, full at first, that fills up again as the minute goes
// on; a full one is forgotten.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace stillframe {

class CaptureRate {
 public:
  explicit CaptureRate(const Clock& clock) : clock_(clock) {}

  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED, which says when there is room again.
  // `per_minute` 0: no bound.
  absl::Status Take(const std::string& principal, std::uint64_t per_minute)
      ABSL_LOCKS_EXCLUDED(mu_);

  // How much of the bucket is empty.
  std::uint64_t TakenBy(const std::string& principal, std::uint64_t per_minute) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // The time at which the bucket is full again; each capture moves it on by its share of a minute.
  using FullAtNs = std::uint64_t;

  const Clock& clock_;
  mutable Mutex mu_;
  std::map<std::string, FullAtNs> buckets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
