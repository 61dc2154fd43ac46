#include "store/control_page.h"

#include "base/memfd.h"
#include "base/reason.h"
#include "base/status.h"

namespace stillframe {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

ControlPage::ControlPage(UniqueFd fd, Mapping mapping, std::uint32_t words)
    : fd_(std::move(fd)), mapping_(std::move(mapping)) {
  free_.reserve(words);
  for (std::uint32_t i = words; i > 0; --i) free_.push_back(i - 1);
}

absl::StatusOr<std::unique_ptr<ControlPage>> ControlPage::Create(std::uint32_t words) {
  const std::size_t bytes =
      (words * sizeof(std::uint64_t) + kPageBytes - 1) / kPageBytes * kPageBytes;
  SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd("stillframe-control", bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadWrite));
  SF_RETURN_IF_ERROR(SealAgainstNewWriters(fd.get()));
  SF_ASSIGN_OR_RETURN(UniqueFd reader, ReopenReadOnly(fd.get()));
  return std::unique_ptr<ControlPage>(
      new ControlPage(std::move(reader), std::move(mapping), words));
}

absl::StatusOr<std::uint32_t> ControlPage::Bear(Generation generation) {
  MutexLock lock(mu_);
  if (free_.empty()) {
    return WithReason(absl::ResourceExhaustedError(
                          "too many generations are live: pins hold all that retention would drop"),
                      "LIMIT_EXCEEDED", {{"limit", "live_generations"}});
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  word(index)->store(generation.value, std::memory_order_release);
  return index;
}

void ControlPage::End(std::uint32_t index) {
  MutexLock lock(mu_);
  word(index)->store(0, std::memory_order_relaxed);
  // Slots are refilled with non-temporal stores, which a release store would not order after this.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  free_.push_back(index);
}

}  // namespace stillframe
