#include "plan/planner.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/units.h"

namespace stillframe::cli {
namespace {

constexpr std::array<std::uint64_t, 10> kPeriodsMs = {50,    100,   250,    500,    1'000,
                                                      2'000, 5'000, 10'000, 30'000, 60'000};

// What a generation costs besides its changed pages: its page map and what is the same for all.
constexpr std::uint64_t kMapBytesPerPage = 4;
constexpr std::uint64_t kGenerationBytes = std::uint64_t{64} << 10;

constexpr double kArenaMargin = 1.25;
constexpr std::uint64_t kArenaBytesStep = std::uint64_t{64} << 20;

std::uint64_t Bytes(double pages) {
  return static_cast<std::uint64_t>(std::ceil(pages)) << kPageShift;
}

double MeanPages(const std::vector<PauseSample>& pauses) {
  double sum = 0;
  for (const PauseSample& pause : pauses) sum += pause.pages;
  return sum / static_cast<double>(pauses.size());
}

PeriodCost CostOf(std::uint64_t period_ms, const GuestObservation& seen, const PlanWishes& wishes,
                  const ChangeCurve& changes, const PauseModel& pauses) {
  const double seconds = static_cast<double>(period_ms) / 1e3;
  const auto guest_pages = static_cast<double>(seen.guest_pages);
  PeriodCost cost;
  cost.period_ms = period_ms;
  cost.changed_pages = changes.PagesIn(seconds);
  const double copied = seen.dirty_log
                            ? std::min(cost.changed_pages * seen.copied_per_changed, guest_pages)
                            : MeanPages(seen.pauses);
  cost.pause_ms = pauses.SecondsFor(copied) * 1e3;
  cost.slow_pause_ms = cost.pause_ms * pauses.spread();
  cost.downtime_percent = cost.slow_pause_ms / static_cast<double>(period_ms) * 100;
  cost.copied_bytes_per_s = copied * static_cast<double>(kPageBytes) / seconds;
  // The newest generation whole; of each older one, what changed since; and room for the next.
  const std::uint64_t older = std::max<std::uint64_t>(wishes.generations, 1) - 1;
  cost.memory_bytes = (seen.pages_with_bytes << kPageShift) + Bytes(copied) +
                      older * Bytes(cost.changed_pages) +
                      (older + 1) * (seen.guest_pages * kMapBytesPerPage + kGenerationBytes);
  return cost;
}

}  // namespace

Plan MakePlan(const GuestObservation& seen, const PlanWishes& wishes) {
  const auto changes = ChangeCurve::Fit(seen.changes, static_cast<double>(seen.guest_pages));
  const PauseModel pauses = PauseModel::Fit(seen.pauses);
  Plan plan;
  for (const std::uint64_t period_ms : kPeriodsMs) {
    plan.costs.push_back(CostOf(period_ms, seen, wishes, changes, pauses));
  }
  const auto chosen = std::find_if(
      plan.costs.begin(), plan.costs.end(),
      [&](const PeriodCost& cost) { return cost.downtime_percent <= wishes.downtime_percent; });
  plan.within_downtime = chosen != plan.costs.end();
  plan.chosen = plan.within_downtime ? static_cast<std::size_t>(chosen - plan.costs.begin())
                                     : plan.costs.size() - 1;
  const PeriodCost& cost = plan.costs[plan.chosen];
  if (wishes.pause_ms && cost.slow_pause_ms > *wishes.pause_ms) {
    const bool reachable = seen.dirty_log && pauses.SecondsFor(0) * 1e3 < *wishes.pause_ms;
    plan.within_pause = reachable;
    if (reachable)
      plan.pause_budget_ms = static_cast<std::uint64_t>(std::max(1.0, *wishes.pause_ms));
  }
  const double wanted = static_cast<double>(cost.memory_bytes) * kArenaMargin;
  plan.arena_bytes_max =
      (static_cast<std::uint64_t>(wanted) / kArenaBytesStep + 1) * kArenaBytesStep;
  return plan;
}

}  // namespace stillframe::cli
