// Pre-copy as a capture runs it: what is copied while the guest runs, and what is left for the
// pause.
#include "capture/precopy.h"

#include <gtest/gtest.h>

#include "unit/capture/capture_bench.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kCopiedPages = 200;

class PrecopyTest : public testing::Test {
 protected:
  // The first generation.
  void SetUp() override {
    for (std::uint64_t page = 0; page < kCopiedPages; ++page)
      bench_.machine.Write(Gfn{page}, page + 1);
    ASSERT_TRUE(bench_.Capture().ok());
  }

  void WriteHundred(std::uint64_t seed) {
    for (std::uint64_t page = 0; page < 100; ++page) bench_.machine.Write(Gfn{page}, seed + page);
  }

  // The next generation, which must be right and leave no slot behind.
  SnapshotMetadata Capture() {
    const auto snapshot = bench_.Capture();
    if (!snapshot.ok()) {
      ADD_FAILURE() << snapshot.status();
      return {};
    }
    EXPECT_EQ(BytesOf(**snapshot), bench_.machine.Copy());
    EXPECT_EQ(bench_.store->arena().bytes_used() / kPageBytes, SlotsNamed(*bench_.store));
    return (*snapshot)->metadata;
  }

  PrecopyBench bench_{kCopiedPages};
};

TEST_F(PrecopyTest, APauseThatFitsTheBudgetNeedsNone) {
  bench_.machine.Write(Gfn{3}, 33);
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 0u);
  EXPECT_EQ(metadata.pages_copied, 1u);
}

TEST_F(PrecopyTest, ALogThatTellsInPausesOnlyAllowsNone) {
  bench_.machine.log_is_live = false;
  WriteHundred(1000);
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 0u);
  EXPECT_EQ(metadata.pages_copied, 100u);
  EXPECT_EQ(metadata.method, CaptureMethod::kDirtyLog);
}

TEST_F(PrecopyTest, ALargeDirtySetIsCopiedWhileTheGuestRuns) {
  WriteHundred(1000);
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 1u);
  EXPECT_EQ(metadata.precopy_pages, 100u);
  EXPECT_EQ(metadata.pages_copied, 0u);
  EXPECT_EQ(metadata.pages_changed, 100u);
  EXPECT_EQ(metadata.method, CaptureMethod::kDirtyLog);
}

TEST_F(PrecopyTest, WhatIsWrittenMeanwhileIsCopiedAgain) {
  WriteHundred(1000);
  std::uint64_t looks = 0;
  bench_.machine.while_running = [&] {
    // 50 pages in the first round, then one: that fits.
    for (std::uint64_t page = 0; page < (looks == 0 ? 50 : 1); ++page) {
      bench_.machine.Write(Gfn{page}, 5000 + looks);
    }
    ++looks;
  };
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 2u);
  EXPECT_EQ(metadata.precopy_pages, 150u);
  EXPECT_EQ(metadata.pages_copied, 1u);
}

TEST_F(PrecopyTest, RoundsThatLeaveNoLessAreGivenUp) {
  WriteHundred(1000);
  std::uint64_t looks = 0;
  bench_.machine.while_running = [&] { WriteHundred(2000 + 1000 * looks++); };
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 1u);
  EXPECT_EQ(metadata.pages_copied, 100u);
}

TEST_F(PrecopyTest, ALogInterruptedInARoundMakesAFullCopy) {
  WriteHundred(1000);
  bench_.machine.log_interrupted = true;
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.method, CaptureMethod::kFull);
  EXPECT_EQ(metadata.precopy_pages, kCopiedPages);
}

TEST_F(PrecopyTest, ALogInterruptedAfterTheRoundsMakesAFullCopyInThePause) {
  WriteHundred(1000);
  bench_.machine.while_paused = [&] { bench_.machine.log_interrupted = true; };
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.method, CaptureMethod::kFull);
  EXPECT_EQ(metadata.pages_copied, kCopiedPages);
}

TEST_F(PrecopyTest, AWithdrawnRoundLosesNothing) {
  WriteHundred(1000);
  const std::uint64_t pauses = bench_.machine.pauses;
  bench_.machine.while_running = [&] { bench_.cancelled = true; };
  EXPECT_TRUE(absl::IsCancelled(bench_.Capture().status()));
  EXPECT_EQ(bench_.machine.pauses, pauses) << "nobody waits for it any more";
  bench_.machine.while_running = nullptr;
  bench_.cancelled = false;
  EXPECT_EQ(Capture().pages_changed, 100u);
}

TEST(PrecopyMemoryTest, WhereMemoryIsShortStagedCopiesGiveWay) {
  PrecopyBench bench(kCopiedPages, {}, 2);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (std::uint64_t page = 0; page < kCopiedPages; ++page) {
      bench.machine.Write(Gfn{page}, round * 1000 + page);
    }
    const auto snapshot = bench.Capture();
    ASSERT_TRUE(snapshot.ok()) << snapshot.status();
    EXPECT_EQ(BytesOf(**snapshot), bench.machine.Copy());
    EXPECT_EQ(bench.store->arena().bytes_used() / kPageBytes, SlotsNamed(*bench.store));
  }
}

TEST(PrecopyCostTest, RoundsCannotShortenTheFixedPartOfAPause) {
  CaptureBench bench(kCopiedPages, PrecopyBench::Budgeted({}), 64, Clock::System(),
                     PauseCost(5'000'000, 50'000));
  ASSERT_TRUE(bench.Capture().ok());
  bench.machine.Write(Gfn{3}, 33);
  const auto little = bench.Capture();
  ASSERT_TRUE(little.ok()) << little.status();
  EXPECT_EQ((*little)->metadata.precopy_rounds, 0u);
  EXPECT_EQ((*little)->metadata.pages_copied, 1u);
}

TEST_F(PrecopyTest, WithoutADirtyLogThereIsNone) {
  bench_.machine.has_log = false;
  ++bench_.machine.boot;
  WriteHundred(1000);
  const SnapshotMetadata metadata = Capture();
  EXPECT_EQ(metadata.precopy_rounds, 0u);
  EXPECT_EQ(metadata.pages_copied, kCopiedPages);
}

}  // namespace
}  // namespace stillframe
