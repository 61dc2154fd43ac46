// Each principal's share of the bytes in flight.
//
// Thread-safe. A budget lives as long as a stream uses it; one that a policy set anew holds for
// streams that begin when none is left of the old.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "gateway/in_flight.h"

namespace stillframe {

class PrincipalBudgets {
 public:
  explicit PrincipalBudgets(std::shared_ptr<ByteBudget> of_all) : of_all_(std::move(of_all)) {}

  // `bytes_max` 0: the bound over all principals alone.
  std::shared_ptr<ByteBudget> Of(const std::string& principal, std::uint64_t bytes_max)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Of a principal with a share of its own; else 0.
  std::uint64_t BytesOf(const std::string& principal) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::shared_ptr<ByteBudget> of_all_;
  mutable Mutex mu_;
  std::map<std::string, std::weak_ptr<ByteBudget>> budgets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
