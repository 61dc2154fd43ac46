#include "gateway/principal_budgets.h"

namespace stillframe {

std::shared_ptr<ByteBudget> PrincipalBudgets::Of(const std::string& principal,
                                                 std::uint64_t bytes_max) {
  if (bytes_max == 0) return of_all_;
  MutexLock lock(mu_);
  std::erase_if(budgets_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = budgets_.find(principal);
  if (found != budgets_.end()) {
    if (auto budget = found->second.lock()) return budget;
  }
  auto budget = std::make_shared<ByteBudget>(bytes_max, of_all_);
  budgets_[principal] = budget;
  return budget;
}

std::uint64_t PrincipalBudgets::BytesOf(const std::string& principal) const {
  MutexLock lock(mu_);
  const auto found = budgets_.find(principal);
  const auto budget = found == budgets_.end() ? nullptr : found->second.lock();
  return budget == nullptr ? 0 : budget->bytes();
}

}  // namespace stillframe
