#include "gateway/capture_rate.h"

#include <algorithm>

#include "base/clock.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kMinuteNs = 60'000'000'000;

}  // namespace

absl::Status CaptureRate::Take(const std::string& principal, std::uint64_t per_minute) {
  if (per_minute == 0) return absl::OkStatus();
  const std::uint64_t share_ns = kMinuteNs / per_minute;
  const std::uint64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(mu_);
  std::erase_if(buckets_, [now_ns](const auto& bucket) { return bucket.second <= now_ns; });
  const auto found = buckets_.find(principal);
  const FullAtNs full_at_ns = found == buckets_.end() ? now_ns : found->second;
  const FullAtNs after_ns = full_at_ns + share_ns;
  if (after_ns > now_ns + kMinuteNs) {
    const std::uint64_t wait_ns = after_ns - now_ns - kMinuteNs;
    return LimitExceeded("capture", "quota.captures_per_minute_max", per_minute,
                         wait_ns / kNsPerMs + 1);
  }
  buckets_[principal] = after_ns;
  return absl::OkStatus();
}

std::uint64_t CaptureRate::TakenBy(const std::string& principal, std::uint64_t per_minute) const {
  if (per_minute == 0) return 0;
  const std::uint64_t share_ns = kMinuteNs / per_minute;
  const std::uint64_t now_ns = clock_.MonotonicNs();
  MutexLock lock(mu_);
  const auto found = buckets_.find(principal);
  if (found == buckets_.end() || found->second <= now_ns) return 0;
  return (found->second - now_ns + share_ns - 1) / share_ns;
}

}  // namespace stillframe
