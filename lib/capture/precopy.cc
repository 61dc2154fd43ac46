#include "capture/precopy.h"

#include <algorithm>

#include "base/status.h"
#include "capture/slot_releaser.h"
#include "capture/slot_reserve.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kRoundsMax = 8;

// A round that leaves more than this of what the one before it left is the last: the guest writes
// as fast as we copy.
bool Converges(std::uint64_t rest, std::uint64_t before) { return rest <= before / 4 * 3; }

// What the pause may take. Rounds shorten the copy alone: where the fixed part exceeds the budget,
// they end when the copy adds hardly anything to it.
std::uint64_t GoalNs(const PrecopyPlan& plan) {
  const std::uint64_t fixed_ns = plan.cost->ForecastNs(0);
  return std::max(plan.budget_ns, fixed_ns + fixed_ns / 4);
}

// Takes over what was written since the last look. What was fetched is pending, even after an
// error.
absl::Status FetchWritten(const PrecopyPlan& plan, PrecopyResult& result) {
  plan.fetched->ClearAll();
  const auto answer = plan.guest->FetchDirty(*plan.fetched);
  if (plan.source->resident() != nullptr) plan.guest->ForgetVanished(*plan.source->resident());
  plan.fetched->And(plan.source->readable());
  if (answer.ok() && *answer == DirtyAnswer::kUnknown) {
    plan.fetched->Or(plan.source->readable());
    result.log_interrupted = true;
  }
  plan.pending->Or(*plan.fetched);
  plan.staged->current().AndNot(*plan.fetched);
  return answer.status();
}

// RESOURCE_EXHAUSTED: no room for these copies.
absl::Status RunRound(const PrecopyPlan& plan, PrecopyResult& result) {
  SF_RETURN_IF_ERROR(FetchWritten(plan, result));
  PageBitmap& round = *plan.round;
  PageBitmap& without_memory = *plan.fetched;
  round = *plan.pending;
  round.AndNot(plan.staged->current());
  without_memory = round;
  SF_RETURN_IF_ERROR(plan.source->FaultIn(*plan.guest, *plan.view, round));
  without_memory.AndNot(round);

  Arena& arena = plan.store->arena();
  plan.staged->ReleaseStale(arena);
  const std::uint64_t pages = round.Count();
  SlotReserve reserve;
  plan.store->MakeRoom(pages);
  SF_RETURN_IF_ERROR(reserve.GrowTo(pages, arena));
  plan.copy->Plan(*plan.view, round, reserve, 0, arena);
  if (absl::Status copied = plan.copy->Run(nullptr, *plan.cancelled); !copied.ok()) {
    reserve.Release(arena);
    return copied;
  }
  SlotReleaser released(arena);
  SlotCursor cursor = reserve.From(0);
  const GfnRange all{Gfn{0}, round.size()};
  round.ForEachRun(all, [&](GfnRange run) {
    for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) {
      plan.staged->Stage(gfn, cursor.Take(1).first, released);
    }
  });
  without_memory.ForEachRun(all, [&](GfnRange run) {
    for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) {
      plan.staged->Stage(gfn, kZeroSlot, released);
    }
  });
  ++result.rounds;
  result.pages += pages;
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPrecopy(const PrecopyPlan& plan, std::uint64_t& rest, PrecopyResult& result) {
  result = {};
  if (plan.budget_ns == 0) return absl::OkStatus();
  const std::uint64_t goal_ns = GoalNs(plan);
  while (plan.cost->ForecastNs(rest) > goal_ns && result.rounds < kRoundsMax) {
    const absl::Status status = RunRound(plan, result);
    if (absl::IsResourceExhausted(status)) {
      rest = plan.round->Count();
      return absl::OkStatus();
    }
    SF_RETURN_IF_ERROR(status);
    const std::uint64_t before = rest;
    rest = plan.guest->EstimateDirty();
    if (!Converges(rest, before)) break;
  }
  return absl::OkStatus();
}

}  // namespace stillframe
