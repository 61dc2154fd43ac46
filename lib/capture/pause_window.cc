#include "capture/pause_window.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/status.h"
#include "capture/copy_engine.h"
#include "capture/slot_cursor.h"
#include "guest/paused_guest.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;

// A cancelled capture notices after at most this much copying (1 MiB: some 0.1 ms).
constexpr std::uint64_t kPagesBetweenChecks = 256;

std::uint64_t ThreadPageFaults() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

// Copies one piece late, when the next is known, so that the engine can prefetch across the gap.
class PieceCopier {
 public:
  explicit PieceCopier(const CopyEngine& engine) : engine_(engine) {}

  void Add(std::byte* to, const std::byte* from, std::size_t pages) {
    if (pages_ > 0) engine_.copy(to_, from_, pages_, from);
    to_ = to;
    from_ = from;
    pages_ = pages;
  }

  void Finish() {
    if (pages_ > 0) engine_.copy(to_, from_, pages_, nullptr);
    pages_ = 0;
  }

 private:
  const CopyEngine& engine_;
  std::byte* to_ = nullptr;
  const std::byte* from_ = nullptr;
  std::size_t pages_ = 0;
};

absl::Status CopyAll(const WindowPlan& plan) {
  SlotCursor cursor(plan.reserved);
  PieceCopier copier(BestCopyEngine());
  bool cancelled = false;
  for (const MappedExtent& extent : plan.view->extents) {
    plan.copied->ForEachRun(extent.range, [&](GfnRange run) {
      const std::byte* from =
          extent.at + ((run.first.value - extent.range.first.value) << kPageShift);
      while (run.pages > 0 && !cancelled) {
        const SlotRun slots = cursor.Take(std::min(run.pages, kPagesBetweenChecks));
        copier.Add(plan.arena->At(slots.first), from, slots.count);
        from += std::size_t{slots.count} << kPageShift;
        run.pages -= slots.count;
        cancelled = plan.cancelled->load(std::memory_order_relaxed);
      }
    });
    if (cancelled) return absl::CancelledError();
  }
  copier.Finish();
  return absl::OkStatus();
}

absl::Status WorkWhilePaused(Guest& guest, const WindowPlan& plan, WindowResult& result) {
  SF_RETURN_IF_ERROR(guest.FetchVcpus());
  const auto answer = guest.FetchDirty(*plan.pending);
  if (!answer.ok()) return answer.status();
  result.answer = *answer;
  if (result.answer == DirtyAnswer::kUnknown) plan.pending->Or(*plan.readable);
  plan.pending->And(*plan.readable);  // a log may still name frames that were ballooned out
  const std::span<const std::uint64_t> pending = plan.pending->words();
  std::copy(pending.begin(), pending.end(), plan.copied->words().begin());
  SF_RETURN_IF_ERROR(guest.FilterResident(*plan.copied));
  result.pages_wanted = plan.copied->Count();
  if (result.pages_wanted > plan.reserved_pages) return absl::ResourceExhaustedError("");
  SF_RETURN_IF_ERROR(CopyAll(plan));
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
  const absl::Status resumed = paused.Resume();
  result.begin_ns = paused.paused_ns();
  result.end_ns = paused.resumed_ns();
  return worked.ok() ? resumed : worked;
}

}  // namespace stillframe
