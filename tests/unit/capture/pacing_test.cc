#include "capture/pacing.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

TEST(PacingTest, CapturesFollowEachOtherByThePeriod) {
  Pacing pacing(100, 25);
  pacing.Start(5000 * kMs);
  EXPECT_EQ(pacing.due_ns(), 5000 * kMs);
  pacing.Begin(5001 * kMs);
  pacing.End(10 * kMs);
  EXPECT_EQ(pacing.due_ns(), 5101 * kMs);
  EXPECT_EQ(pacing.stretched_period_ms(), 0u);
}

TEST(PacingTest, APauseTooLongForThePeriodStretchesIt) {
  Pacing pacing(100, 25);
  pacing.Start(0);
  pacing.Begin(0);
  pacing.End(60 * kMs);
  EXPECT_EQ(pacing.due_ns(), 240 * kMs);
  EXPECT_EQ(pacing.stretched_period_ms(), 240u);
  pacing.Begin(240 * kMs);
  pacing.End(20 * kMs);
  EXPECT_EQ(pacing.due_ns(), 340 * kMs);
  EXPECT_EQ(pacing.stretched_period_ms(), 0u);
}

TEST(PacingTest, ARequestedCaptureCountsButMovesNothingElse) {
  Pacing pacing(100, 25);
  pacing.Start(0);
  pacing.Begin(0);
  pacing.End(1 * kMs);
  pacing.Begin(50 * kMs);
  pacing.End(1 * kMs);
  EXPECT_EQ(pacing.due_ns(), 100 * kMs);
  pacing.Begin(60 * kMs);
  pacing.End(30 * kMs);
  EXPECT_EQ(pacing.due_ns(), 180 * kMs);
}

TEST(PacingTest, WithoutALimitThePeriodHolds) {
  Pacing pacing(100, 0);
  pacing.Start(0);
  pacing.Begin(0);
  pacing.End(90 * kMs);
  EXPECT_EQ(pacing.due_ns(), 100 * kMs);
}

TEST(PacingTest, OnDemandNothingIsEverDue) {
  Pacing pacing(0, 25);
  pacing.Start(0);
  pacing.Begin(10 * kMs);
  pacing.End(90 * kMs);
  EXPECT_EQ(pacing.due_ns(), Pacing::kNever);
}

}  // namespace
}  // namespace stillframe
