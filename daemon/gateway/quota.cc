#include "gateway/quota.h"

#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

}  // namespace

absl::StatusOr<std::unique_ptr<Quota::Lease>> Quota::Take(std::string_view attempt,
                                                          std::string_view peer) {
  {
    MutexLock lock(mu_);
    if (taken_ >= total_.max) return LimitExceeded(attempt, total_.name, total_.max);
    if (!peer.starts_with(kUnixPrefix)) {
      const auto found = peers_.try_emplace(std::string(peer), 0).first;
      if (found->second >= per_client_.max) {
        if (found->second == 0) peers_.erase(found);
        return LimitExceeded(attempt, per_client_.name, per_client_.max);
      }
      ++found->second;
    }
    ++taken_;
  }
  return std::make_unique<Lease>(shared_from_this(), std::string(peer));
}

std::uint32_t Quota::taken() const {
  MutexLock lock(mu_);
  return taken_;
}

void Quota::Return(const std::string& peer) {
  MutexLock lock(mu_);
  --taken_;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  if (--found->second == 0) peers_.erase(found);
}

}  // namespace stillframe
