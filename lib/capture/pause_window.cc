#include "capture/pause_window.h"

#include "base/clock.h"
#include "base/status.h"
#include "capture/page_faults.h"
#include "guest/paused_guest.h"

namespace stillframe {
namespace {

// Calls `visit(i)` for each word that is not zero in one of the sets. Most are: passing over those
// is all that a window's length has to do with the guest's size.
template <typename Visit>
void ForEachUsedWord(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b,
                     Visit visit) {
  constexpr std::size_t kStride = 8;
  std::size_t i = 0;
  for (; i + kStride <= a.size(); i += kStride) {
    std::uint64_t any = 0;
    for (std::size_t k = i; k < i + kStride; ++k) any |= a[k] | b[k];
    if (any == 0) continue;
    for (std::size_t k = i; k < i + kStride; ++k) {
      if ((a[k] | b[k]) != 0) visit(k);
    }
  }
  for (; i < a.size(); ++i) {
    if ((a[i] | b[i]) != 0) visit(i);
  }
}

// Adds what was fetched to the pending set and makes the set to copy; what of that is not known to
// have host memory is `unsure`. False when nothing is.
bool Merge(const WindowPlan& plan) {
  const auto readable = plan.readable->words();
  const auto pending = plan.pending->words();
  const auto fetched = plan.fetched->words();
  const auto copied = plan.copied->words();
  const auto unsure = plan.unsure->words();
  std::uint64_t any_unsure = 0;
  ForEachUsedWord(pending, fetched, [&](std::size_t i) {
    // A log may still name frames that were ballooned out.
    pending[i] = (pending[i] | fetched[i]) & readable[i];
    copied[i] = pending[i];
    if (plan.staged != nullptr) copied[i] &= ~(plan.staged->words()[i] &= ~fetched[i]);
    unsure[i] = plan.resident == nullptr ? copied[i] : copied[i] & ~plan.resident->words()[i];
    any_unsure |= unsure[i];
  });
  return any_unsure != 0;
}

// Leaves out the pages that turned out to have no host memory.
absl::Status AskResidency(Guest& guest, const WindowPlan& plan) {
  SF_RETURN_IF_ERROR(guest.FilterResident(*plan.unsure));
  if (plan.resident != nullptr) {
    const auto resident = plan.resident->words();
    const auto copied = plan.copied->words();
    const auto unsure = plan.unsure->words();
    ForEachUsedWord(copied, copied, [&](std::size_t i) { copied[i] &= resident[i] | unsure[i]; });
  } else {
    plan.copied->And(*plan.unsure);
  }
  return absl::OkStatus();
}

absl::Status WorkWhilePaused(Guest& guest, const WindowPlan& plan, WindowResult& result) {
  SF_RETURN_IF_ERROR(guest.FetchVcpus());
  const auto answer = guest.FetchDirty(*plan.fetched);
  if (answer.ok()) result.answer = *answer;
  if (answer.ok() && result.answer == DirtyAnswer::kUnknown) plan.fetched->Or(*plan.readable);
  if (plan.resident != nullptr) guest.ForgetVanished(*plan.resident);
  const bool unsure = Merge(plan);
  if (!answer.ok()) return answer.status();
  if (unsure) SF_RETURN_IF_ERROR(AskResidency(guest, plan));
  result.pages_wanted = plan.copy->Plan(*plan.view, *plan.copied, *plan.reserve, 0, *plan.arena);
  if (result.pages_wanted > plan.reserve->pages()) return absl::ResourceExhaustedError("");
  SF_RETURN_IF_ERROR(plan.copy->Run(plan.crew, *plan.cancelled));
  result.pages_copied = result.pages_wanted;
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPauseWindow(Guest& guest, PauseGuard& guard, const WindowPlan& plan,
                            const Clock& clock, WindowResult& result) {
  result = {};
  result.wall_ns = clock.WallNs();
  const std::uint64_t deadline_ns = clock.MonotonicNs() + plan.deadline_ms * kNsPerMs;
  PausedGuest paused(guest, guard, deadline_ns, clock);
  const std::uint64_t faults_before = ThreadPageFaults();
  absl::Status worked = paused.status();
  if (worked.ok()) worked = WorkWhilePaused(guest, plan, result);
  result.page_faults = ThreadPageFaults() - faults_before;
  if (plan.crew != nullptr) result.page_faults += plan.crew->TakePageFaults();
  const absl::Status resumed = paused.Resume();
  result.begin_ns = paused.paused_ns();
  result.end_ns = paused.resumed_ns();
  return worked.ok() ? resumed : worked;
}

}  // namespace stillframe
