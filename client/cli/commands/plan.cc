#include <fmt/format.h>

#include "base/status.h"
#include "commands/commands.h"
#include "plan/guest_watcher.h"
#include "plan/planner.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

std::uint64_t Ns(double milliseconds) { return static_cast<std::uint64_t>(milliseconds * 1e6); }

std::string PeriodText(std::uint64_t period_ms) { return FormatDurationNs(period_ms * 1'000'000); }

std::string CostsText(const Plan& plan, const PlanWishes& wishes) {
  using Align = Table::Align;
  Table table({{"PERIOD", Align::kRight},
               {"CHANGED", Align::kRight},
               {"PAUSE", Align::kRight},
               {"9 OF 10 WITHIN", Align::kRight},
               {"DOWNTIME", Align::kRight},
               {"COPIED", Align::kRight},
               {fmt::format("MEMORY FOR {}", wishes.generations), Align::kRight},
               {""}});
  for (std::size_t i = 0; i < plan.costs.size(); ++i) {
    const PeriodCost& cost = plan.costs[i];
    table.AddRow({PeriodText(cost.period_ms),
                  FormatBytes(static_cast<std::uint64_t>(cost.changed_pages) << kPageShift),
                  FormatDurationNs(Ns(cost.pause_ms)), FormatDurationNs(Ns(cost.slow_pause_ms)),
                  fmt::format("{:.2f} %", cost.downtime_percent),
                  FormatBytes(static_cast<std::uint64_t>(cost.copied_bytes_per_s)) + "/s",
                  FormatBytes(cost.memory_bytes), i == plan.chosen ? "<-" : ""});
  }
  return table.ToString();
}

std::string AdviceText(const std::string& guest, const GuestObservation& seen, const Plan& plan,
                       const PlanWishes& wishes) {
  const PeriodCost& cost = plan.costs[plan.chosen];
  std::string text;
  if (!plan.within_downtime) {
    text +=
        fmt::format("No period keeps the guest's downtime within {} %: the longest one is shown.\n",
                    wishes.downtime_percent);
  }
  if (!plan.within_pause) {
    text += seen.dirty_log ? fmt::format(
                                 "A pause of {} ms cannot be had: the fixed part of this "
                                 "guest's pauses is longer.\n",
                                 *wishes.pause_ms)
                           : fmt::format(
                                 "A pause of {} ms cannot be had: without a dirty log every "
                                 "pause copies all memory that the guest uses.\n",
                                 *wishes.pause_ms);
  }
  text += fmt::format("[[guest]]\nmatch = \"{}\"\nperiod_ms = {}\n", guest, cost.period_ms);
  if (plan.pause_budget_ms > 0) text += fmt::format("pause_budget_ms = {}\n", plan.pause_budget_ms);
  text += fmt::format("generations_max = {}\narena_bytes_max = {}\n", wishes.generations,
                      plan.arena_bytes_max);
  return text + fmt::format("# keeps the last {}\n",
                            PeriodText(cost.period_ms * (wishes.generations - 1)));
}

Json PlanJson(const v1::Guest& guest, const GuestObservation& seen, const Plan& plan,
              const PlanWishes& wishes) {
  Json costs = Json::array();
  for (const PeriodCost& cost : plan.costs) {
    costs.push_back({{"period_ms", cost.period_ms},
                     {"pages_changed", cost.changed_pages},
                     {"pause_ms", cost.pause_ms},
                     {"slow_pause_ms", cost.slow_pause_ms},
                     {"downtime_percent", cost.downtime_percent},
                     {"copied_bytes_per_s", cost.copied_bytes_per_s},
                     {"memory_bytes", cost.memory_bytes}});
  }
  return {{"guest_uuid", guest.uuid()},
          {"guest_name", guest.name()},
          {"captures", seen.pauses.size()},
          {"dirty_log", seen.dirty_log},
          {"costs", std::move(costs)},
          {"within_downtime", plan.within_downtime},
          {"within_pause", plan.within_pause},
          {"recommended",
           {{"period_ms", plan.costs[plan.chosen].period_ms},
            {"pause_budget_ms", plan.pause_budget_ms},
            {"generations_max", wishes.generations},
            {"arena_bytes_max", plan.arena_bytes_max}}}};
}

}  // namespace

absl::Status RunPlan(const Session& session) {
  const Arguments& arguments = session.arguments;
  SF_ASSIGN_OR_RETURN(const v1::Guest guest, session.connection.GetGuest(arguments.snapshot.guest));
  GuestWatcher watcher(session, guest);
  SF_ASSIGN_OR_RETURN(const GuestObservation seen, watcher.Watch(arguments.watch_for));
  const Plan plan = MakePlan(seen, arguments.wishes);
  if (session.json()) {
    return Print(JsonDocument(PlanJson(guest, seen, plan, arguments.wishes)));
  }
  const std::string name = Printable(guest.name());
  return Print(fmt::format(
      "{}: {} captures in {} s, {}\n\n{}\n{}", name, seen.pauses.size(),
      arguments.watch_for.count(), seen.dirty_log ? "with a dirty log" : "without a dirty log",
      CostsText(plan, arguments.wishes), AdviceText(name, seen, plan, arguments.wishes)));
}

}  // namespace stillframe::cli
