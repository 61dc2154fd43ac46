// The finish phase as a capture runs it: given up when the next capture is due, or withdrawn.
#include "capture/finish_phase.h"

#include <gtest/gtest.h>

#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

TEST(FinishPhaseTest, WhatIsNotCheckedInTimeCountsAsChangedAndStillReadsRight) {
  CaptureBench bench(600);
  for (std::uint64_t page = 0; page < 600; ++page) bench.machine.Write(Gfn{page}, page + 1);
  ASSERT_TRUE(bench.Capture().ok());
  for (std::uint64_t page = 0; page < 100; ++page) bench.machine.Touch(Gfn{page});
  bench.machine.Write(Gfn{100}, 0);
  bench.due_ns = 1;
  const auto hurried = bench.Capture();
  ASSERT_TRUE(hurried.ok()) << hurried.status();
  EXPECT_EQ((*hurried)->metadata.pages_unchecked, 101u);
  EXPECT_EQ((*hurried)->metadata.pages_changed, 101u);
  EXPECT_EQ(BytesOf(**hurried), bench.machine.Copy());
  EXPECT_EQ(bench.store->arena().bytes_used(), 701 * kPageBytes);

  for (std::uint64_t page = 0; page < 100; ++page) bench.machine.Touch(Gfn{page});
  bench.due_ns = ~std::uint64_t{0};
  const auto checked = bench.Capture();
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ((*checked)->metadata.pages_unchecked, 0u);
  EXPECT_EQ((*checked)->metadata.pages_changed, 0u);
  EXPECT_EQ(bench.store->arena().bytes_used(), 701 * kPageBytes);
}

TEST(FinishPhaseTest, WithoutADirtyLogTheCheckIsNeverGivenUp) {
  CaptureBench bench(600);
  bench.machine.has_log = false;
  for (std::uint64_t page = 0; page < 600; ++page) bench.machine.Write(Gfn{page}, page + 1);
  ASSERT_TRUE(bench.Capture().ok());
  bench.due_ns = 1;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.pages_changed, 0u);
  EXPECT_EQ((*snapshot)->metadata.pages_unchecked, 0u);
}

TEST(FinishPhaseTest, ACaptureWithdrawnAfterTheResumeLosesNoDirtyPageAndNoSlot) {
  CaptureBench bench(600);
  for (std::uint64_t page = 0; page < 600; ++page) bench.machine.Write(Gfn{page}, page + 1);
  ASSERT_TRUE(bench.Capture().ok());
  for (std::uint64_t page = 0; page < 600; page += 2) bench.machine.Write(Gfn{page}, page + 99);
  bench.machine.at_resume = [&bench] { bench.cancelled = true; };
  EXPECT_TRUE(absl::IsCancelled(bench.Capture().status()));
  EXPECT_EQ(bench.store->arena().bytes_used(), 600 * kPageBytes);
  bench.machine.at_resume = nullptr;
  bench.cancelled = false;
  const auto snapshot = bench.Capture();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->metadata.pages_copied, 300u);
  EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
}

}  // namespace
}  // namespace stillframe
