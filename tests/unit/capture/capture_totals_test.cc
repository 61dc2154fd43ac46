#include "capture/capture_totals.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/reason.h"

namespace stillframe {
namespace {

TEST(PauseHistogramTest, BoundsBelongToTheirBuckets) {
  PauseHistogram pauses;
  pauses.Add(100'000);        // 100 us: the first bound itself
  pauses.Add(100'001);        // a little more
  pauses.Add(3'000'000'000);  // beyond the last bound
  EXPECT_EQ(pauses.CountUpTo(0), 1u);
  EXPECT_EQ(pauses.CountUpTo(1), 2u);
  EXPECT_EQ(pauses.CountUpTo(PauseHistogram::kBoundsUs.size() - 1), 2u);
  EXPECT_EQ(pauses.count(), 3u);
  EXPECT_EQ(pauses.sum_ns(), 3'000'200'001u);
}

TEST(CaptureTotalsTest, AddsUpCaptures) {
  CaptureTotals totals;
  SnapshotMetadata snapshot;
  snapshot.pages_copied = 10;
  snapshot.precopy_pages = 5;
  snapshot.pages_changed = 7;
  snapshot.pages_unchecked = 2;
  snapshot.window_page_faults = 1;
  totals.AddCapture(snapshot);
  totals.AddCapture(snapshot);
  EXPECT_EQ(totals.captures, 2u);
  EXPECT_EQ(totals.pages_copied, 20u);
  EXPECT_EQ(totals.pages_precopied, 10u);
  EXPECT_EQ(totals.pages_changed, 14u);
  EXPECT_EQ(totals.pages_unchecked, 4u);
  EXPECT_EQ(totals.window_page_faults, 2u);
}

TEST(CaptureTotalsTest, FailuresCountByReasonElseByCode) {
  CaptureTotals totals;
  totals.AddFailure(WithReason(absl::ResourceExhaustedError("full"), "LIMIT_EXCEEDED"));
  totals.AddFailure(WithReason(absl::ResourceExhaustedError("still"), "LIMIT_EXCEEDED"));
  totals.AddFailure(absl::DeadlineExceededError("slow"));
  EXPECT_EQ(totals.failures, (std::map<std::string, std::uint64_t>{{"DEADLINE_EXCEEDED", 1},
                                                                   {"LIMIT_EXCEEDED", 2}}));
}

TEST(CaptureTotalsTest, DistinctReasonsAreBounded) {
  CaptureTotals totals;
  for (int i = 0; i < 100; ++i) {
    totals.AddFailure(WithReason(absl::InternalError("x"), fmt::format("REASON_{}", i)));
  }
  EXPECT_EQ(totals.failures.size(), CaptureTotals::kReasonsMax + 1);
  EXPECT_EQ(totals.failures.at("OTHER"), 100 - CaptureTotals::kReasonsMax);
}

}  // namespace
}  // namespace stillframe
