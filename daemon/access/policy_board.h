// The policy that is in force. Readers take it whole; a reload replaces it.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "access/access_policy.h"
#include "base/mutex.h"

namespace stillframe {

class PolicyBoard {
 public:
  explicit PolicyBoard(AccessPolicy policy)
      : policy_(std::make_shared<const AccessPolicy>(std::move(policy))) {}

  std::shared_ptr<const AccessPolicy> Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return policy_;
  }

  void Replace(AccessPolicy policy) ABSL_LOCKS_EXCLUDED(mu_) {
    auto replacement = std::make_shared<const AccessPolicy>(std::move(policy));
    {
      MutexLock lock(mu_);
      policy_.swap(replacement);
    }
    version_.fetch_add(1, std::memory_order_release);
  }

  // Grows with every Replace: what was decided under another version has to be decided anew.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable Mutex mu_;
  std::shared_ptr<const AccessPolicy> policy_ ABSL_GUARDED_BY(mu_);
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace stillframe
