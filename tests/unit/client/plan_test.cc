#include <gtest/gtest.h>

#include <cmath>

#include "plan/change_curve.h"
#include "plan/change_windows.h"
#include "plan/pause_model.h"
#include "plan/planner.h"

namespace stillframe::cli {
namespace {

TEST(ChangeCurveTest, FindsTheRootLawOfItsSamples) {
  std::vector<ChangeSample> samples;
  for (const double s : {0.1, 0.2, 0.4, 0.8, 1.6}) samples.push_back({s, 1000 * std::sqrt(s)});
  const auto curve = ChangeCurve::Fit(samples, 1e6);
  EXPECT_NEAR(curve.PagesIn(4), 2000, 1);
  EXPECT_NEAR(curve.PagesIn(0.01), 100, 1);
}

TEST(ChangeCurveTest, NeverExceedsTheGuestAndNeverFalls) {
  const std::vector<ChangeSample> falling = {{1, 400}, {2, 100}};
  EXPECT_NEAR(ChangeCurve::Fit(falling, 150).PagesIn(1), 150, 1e-9);
  const auto curve = ChangeCurve::Fit(falling, 1e6);
  EXPECT_NEAR(curve.PagesIn(100), curve.PagesIn(1), 1e-6);
}

TEST(ChangeCurveTest, OneLengthAloneGrowsInProportion) {
  const std::vector<ChangeSample> samples = {{1, 100}, {1, 100}};
  EXPECT_NEAR(ChangeCurve::Fit(samples, 1e6).PagesIn(10), 1000, 1e-6);
  EXPECT_EQ(ChangeCurve::Fit({}, 1e6).PagesIn(10), 0);
}

TEST(PauseModelTest, SeparatesTheFixedPartFromThePages) {
  const std::vector<PauseSample> samples = {{0, 0.001}, {1000, 0.003}, {2000, 0.005}};
  const auto model = PauseModel::Fit(samples);
  EXPECT_NEAR(model.SecondsFor(0), 0.001, 1e-9);
  EXPECT_NEAR(model.SecondsFor(10'000), 0.021, 1e-9);
  EXPECT_NEAR(model.spread(), 1, 1e-9);
}

TEST(PauseModelTest, NoPartIsNegative) {
  const std::vector<PauseSample> steep = {{100, 0.001}, {200, 0.01}};
  EXPECT_GE(PauseModel::Fit(steep).SecondsFor(0), 0);
  const std::vector<PauseSample> falling = {{100, 0.01}, {200, 0.002}};
  EXPECT_NEAR(PauseModel::Fit(falling).SecondsFor(1000), 0.006, 1e-9);
  const std::vector<PauseSample> same = {{100, 0.01}, {100, 0.03}};
  EXPECT_NEAR(PauseModel::Fit(same).SecondsFor(100), 0.02, 1e-9);
}

TEST(UnionTest, JoinsWhatOverlapsOrTouches) {
  const std::vector<GfnRange> a = {{Gfn{0}, 2}, {Gfn{10}, 5}, {Gfn{30}, 1}};
  const std::vector<GfnRange> b = {{Gfn{2}, 3}, {Gfn{12}, 1}, {Gfn{40}, 2}};
  const std::vector<GfnRange> expected = {{Gfn{0}, 5}, {Gfn{10}, 5}, {Gfn{30}, 1}, {Gfn{40}, 2}};
  EXPECT_EQ(Union(a, b), expected);
  EXPECT_EQ(Union(b, a), expected);
  EXPECT_EQ(Union({}, a), a);
}

TEST(ChangeWindowsTest, TellsOfOneAndOfSeveralGenerations) {
  ChangeWindows windows;
  windows.Add(1, {{Gfn{0}, 2}});
  windows.Add(2, {{Gfn{1}, 2}});
  ASSERT_EQ(windows.samples().size(), 3u);
  EXPECT_EQ(windows.samples()[0].pages, 2);
  EXPECT_EQ(windows.samples()[1].pages, 2);
  EXPECT_EQ(windows.samples()[2].pages, 3);
  EXPECT_EQ(windows.samples()[2].seconds, 3);
}

TEST(ChangeWindowsTest, AGapBeginsAnew) {
  ChangeWindows windows;
  windows.Add(1, {{Gfn{0}, 2}});
  windows.Break();
  windows.Add(1, {{Gfn{9}, 1}});
  EXPECT_EQ(windows.samples().size(), 2u) << "of two generations in a row nothing is known";
}

// 1000 pages change in a second, however long; 1 ms and 1 us a page.
GuestObservation Steady(bool dirty_log) {
  GuestObservation seen;
  seen.dirty_log = dirty_log;
  seen.guest_pages = 100'000;
  seen.pages_with_bytes = 80'000;
  seen.changes = {{1, 1000}, {2, 2000}, {4, 4000}};
  if (dirty_log) {
    seen.pauses = {{1000, 0.002}, {2000, 0.003}};
  } else {
    seen.pauses = {{100'000, 0.1}, {100'000, 0.1}};
  }
  return seen;
}

TEST(PlannerTest, TheShortestPeriodWithinTheDowntimeIsChosen) {
  const Plan plan = MakePlan(Steady(true), {.downtime_percent = 1});
  EXPECT_TRUE(plan.within_downtime);
  EXPECT_EQ(plan.costs[plan.chosen].period_ms, 250u);  // 1.25 ms of 250
  EXPECT_NEAR(plan.costs[plan.chosen].pause_ms, 1.25, 1e-6);
  EXPECT_NEAR(plan.costs[plan.chosen].downtime_percent, 0.5, 1e-6);
  EXPECT_GT(plan.arena_bytes_max, plan.costs[plan.chosen].memory_bytes);
}

TEST(PlannerTest, WithoutADirtyLogEveryPauseIsTheWholeGuest) {
  const Plan plan = MakePlan(Steady(false), {.downtime_percent = 1, .pause_ms = 5});
  EXPECT_EQ(plan.costs[plan.chosen].period_ms, 10'000u);
  EXPECT_NEAR(plan.costs.front().pause_ms, 100, 1e-6);
  EXPECT_FALSE(plan.within_pause);
  EXPECT_EQ(plan.pause_budget_ms, 0u);
}

TEST(PlannerTest, ABudgetIsAdvisedWhereItHelps) {
  const PlanWishes wishes = {.downtime_percent = 1, .pause_ms = 1.2};
  const Plan plan = MakePlan(Steady(true), wishes);
  EXPECT_TRUE(plan.within_pause);
  EXPECT_EQ(plan.pause_budget_ms, 1u);
  EXPECT_FALSE(MakePlan(Steady(true), {.downtime_percent = 1, .pause_ms = 0.5}).within_pause);
}

TEST(PlannerTest, WhenNoPeriodWillDoTheLongestIsShown) {
  const Plan plan = MakePlan(Steady(false), {.downtime_percent = 0.01});
  EXPECT_FALSE(plan.within_downtime);
  EXPECT_EQ(plan.chosen, plan.costs.size() - 1);
}

}  // namespace
}  // namespace stillframe::cli
