// What `stillframe plan` says of a guest whose workload is known, and what comes of following it.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "integration/stack/sim_stack.h"
#include "support/child_process.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kPlannedPages = 16384;
constexpr std::uint64_t kWindowPages = 8192;
constexpr std::uint64_t kGenerations = 6;
constexpr double kPagesPerStep = 8;  // of the simulated guest's workloads

class PlanTest : public SimStackTest {
 protected:
  void SetUp() override {
    guest_ = StartGuest("web1", {"--ram-mib", "64", "--workload", "random", "--window-pages",
                                 std::to_string(kWindowPages), "--dirty-pages-per-second", "4000"});
    ASSERT_NE(guest_, nullptr);
    StartStack("period_ms = 0\npause_budget_ms = 0");
    ASSERT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
    Plan();
  }

  // Runs it, and measures meanwhile how fast the workload writes: this machine may be too busy to
  // let it have its pace.
  void Plan() {
    using Clock = std::chrono::steady_clock;
    const std::uint64_t work = guest_->status().work[0].load();
    const auto begin = Clock::now();
    auto plan = ChildProcess::Start(
        {STILLFRAME_CLI, "--target", stack_->gateway_target(), "plan", "web1", "--for", "6",
         "--downtime-percent", "20", "--generations", std::to_string(kGenerations), "--json"},
        stack_->directory() + "/plan.json");
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ((*plan)->Wait(), 0) << (*plan)->Log();
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    writes_per_s_ = kPagesPerStep * static_cast<double>(guest_->status().work[0].load() - work) /
                    seconds.count();
    plan_ = Json::parse((*plan)->Log(), nullptr, false);
    ASSERT_FALSE(plan_.is_discarded()) << (*plan)->Log();
  }

  // So many different pages does a workload hit that writes to random ones of its window.
  double PagesWritten(double seconds) const {
    return kWindowPages * -std::expm1(-writes_per_s_ * seconds / kWindowPages);
  }

  Json Chosen() const {
    for (const Json& cost : plan_["costs"]) {
      if (cost["period_ms"] == plan_["recommended"]["period_ms"]) return cost;
    }
    ADD_FAILURE() << "the recommended period is none of those whose cost is told";
    return {};
  }

  std::unique_ptr<SimProcess> guest_;
  double writes_per_s_ = 0;
  Json plan_;
};

TEST_F(PlanTest, ForetellsWhatTheWorkloadDoesAndRecommendsTheShortestPeriodThatIsWithinTheWish) {
  EXPECT_EQ(plan_["guest_name"].get<std::string>(), "web1");
  EXPECT_TRUE(plan_["dirty_log"].get<bool>());
  EXPECT_GE(plan_["captures"].get<int>(), 3);
  double before = 0;
  for (const Json& cost : plan_["costs"]) {
    const auto changed = cost["pages_changed"].get<double>();
    EXPECT_GE(changed, before) << "in longer periods no less changes";
    EXPECT_LE(changed, kPlannedPages);
    // What was watched lies between a tenth of a second and some seconds.
    const double seconds = cost["period_ms"].get<double>() / 1e3;
    if (seconds >= 0.1 && seconds <= 2) {
      EXPECT_GT(changed, PagesWritten(seconds) / 2) << cost;
      EXPECT_LT(changed, PagesWritten(seconds) * 2) << cost;
    }
    // Nothing is copied that is not written, and what changed is copied.
    EXPECT_GE(cost["copied_bytes_per_s"].get<double>() * seconds, changed * kPageBytes * 0.99);
    EXPECT_LE(cost["copied_bytes_per_s"].get<double>() * seconds, changed * kPageBytes * 2) << cost;
    before = changed;
  }
  for (const Json& cost : plan_["costs"]) {
    if (cost["period_ms"] == plan_["recommended"]["period_ms"]) break;
    EXPECT_GT(cost["downtime_percent"].get<double>(), 20) << cost;
  }
  if (plan_["within_downtime"].get<bool>()) {
    EXPECT_LE(Chosen()["downtime_percent"].get<double>(), 20);
  }
  EXPECT_EQ(plan_["recommended"]["generations_max"].get<std::uint64_t>(), kGenerations);
}

TEST_F(PlanTest, WhatItRecommendsHoldsTheGenerationsInTheMemoryItForetold) {
  const Json recommended = plan_["recommended"];
  const auto foretold = Chosen()["memory_bytes"].get<double>();
  stack_.reset();
  StartStack("period_ms = " + recommended["period_ms"].dump() +
             "\ngenerations_max = " + recommended["generations_max"].dump() +
             "\narena_bytes_max = " + recommended["arena_bytes_max"].dump());
  // Until the oldest of those that are kept came after the first one, which is a full copy.
  std::uint64_t used_max = 0;
  ASSERT_TRUE(Eventually(
      [&] {
        const auto found = remote().GetGuest("web1");
        if (!found.ok()) return false;
        used_max = std::max<std::uint64_t>(used_max, found->statistics().arena_bytes_used());
        return found->statistics().captures() >= 2 * kGenerations;
      },
      std::chrono::seconds(120)));
  const auto found = remote().GetGuest("web1");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->statistics().captures_failed(), 0u) << found->statistics().last_error();
  const auto kept = remote().ListSnapshots("web1");
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->size(), kGenerations) << "none had to give way before its time";
  EXPECT_LE(static_cast<double>(used_max), foretold * 1.25);
  EXPECT_GE(static_cast<double>(used_max), foretold / 2);
  EXPECT_GE(recommended["arena_bytes_max"].get<double>(), foretold);
}

}  // namespace
}  // namespace stillframe
