#include "gateway/quota.h"

#include "gateway/refusal.h"

namespace stillframe {
namespace {

// Others' leases end at no particular time; a second is soon enough to look again.
constexpr std::uint64_t kRetryMs = 1000;

bool Passes(std::uint64_t taken, std::uint64_t amount, std::uint64_t max) {
  return taken > max || amount > max - taken;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Quota::Lease>> Quota::Take(std::string_view attempt,
                                                          const std::string& principal,
                                                          const Bound& of_principal,
                                                          std::uint64_t amount) {
  {
    MutexLock lock(mu_);
    if (Passes(taken_, amount, total_.max)) {
      return LimitExceeded(attempt, total_.name, total_.max, kRetryMs);
    }
    const auto found = principals_.find(principal);
    const std::uint64_t before = found == principals_.end() ? 0 : found->second;
    if (Passes(before, amount, of_principal.max)) {
      return LimitExceeded(attempt, of_principal.name, of_principal.max, kRetryMs);
    }
    taken_ += amount;
    if (amount != 0) principals_[principal] = before + amount;
  }
  return std::make_unique<Lease>(shared_from_this(), principal, amount);
}

std::uint64_t Quota::taken() const {
  MutexLock lock(mu_);
  return taken_;
}

std::uint64_t Quota::TakenBy(const std::string& principal) const {
  MutexLock lock(mu_);
  const auto found = principals_.find(principal);
  return found == principals_.end() ? 0 : found->second;
}

void Quota::Return(const std::string& principal, std::uint64_t amount) {
  MutexLock lock(mu_);
  taken_ -= amount;
  const auto found = principals_.find(principal);
  if (found == principals_.end()) return;
  found->second -= amount;
  if (found->second == 0) principals_.erase(found);
}

}  // namespace stillframe
