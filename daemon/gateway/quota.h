// So much of something at once, in total and for each principal.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace stillframe {

class Quota : public std::enable_shared_from_this<Quota> {
 public:
  // Its name is what refusals tell.
  struct Bound {
    std::string name;
    std::uint64_t max = 0;
  };
  explicit Quota(Bound total) : total_(std::move(total)) {}

  // What was taken; given back when this goes.
  class Lease {
   public:
    Lease(std::shared_ptr<Quota> quota, std::string principal, std::uint64_t amount)
        : quota_(std::move(quota)), principal_(std::move(principal)), amount_(amount) {}
    ~Lease() { quota_->Return(principal_, amount_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    const std::shared_ptr<Quota> quota_;
    const std::string principal_;
    const std::uint64_t amount_;
  };

  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED at a bound. `attempt` goes into the message.
  absl::StatusOr<std::unique_ptr<Lease>> Take(std::string_view attempt,
                                              const std::string& principal,
                                              const Bound& of_principal, std::uint64_t amount = 1)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::uint64_t taken() const ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t TakenBy(const std::string& principal) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Return(const std::string& principal, std::uint64_t amount) ABSL_LOCKS_EXCLUDED(mu_);

  const Bound total_;
  mutable Mutex mu_;
  std::uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, std::uint64_t> principals_ ABSL_GUARDED_BY(mu_);  // no zeros
};

}  // namespace stillframe
