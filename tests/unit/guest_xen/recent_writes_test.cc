#include "guest/xen/recent_writes.h"

#include "gtest/gtest.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

// Reports a write to `gfn` (none below 0) after `cpu_ms`; which frames come back.
std::vector<std::uint64_t> Report(RecentWrites& recent, int gfn, std::uint64_t cpu_ms) {
  PageBitmap dirty(64);
  if (gfn >= 0) dirty.Set(Gfn{static_cast<std::uint64_t>(gfn)});
  recent.Note(dirty, cpu_ms * kMs);
  EXPECT_FALSE(recent.all());
  recent.AddTo(dirty);
  std::vector<std::uint64_t> frames;
  dirty.ForEachRun({Gfn{0}, 64}, [&](GfnRange run) {
    for (std::uint64_t i = 0; i < run.pages; ++i) frames.push_back(run.first.value + i);
  });
  return frames;
}

class RecentWritesTest : public testing::Test {
 protected:
  // Past the beginning, when every page is recent.
  RecentWritesTest() {
    recent_.Resize(64);
    recent_.Note(PageBitmap(64), 20 * kMs);
  }

  using Frames = std::vector<std::uint64_t>;
  RecentWrites recent_;
};

TEST_F(RecentWritesTest, AGuestThatDidNotRunRepeatsItsLastWrites) {
  EXPECT_EQ(Report(recent_, 1, 5), (Frames{1}));
  EXPECT_EQ(Report(recent_, -1, 0), (Frames{1}));
  EXPECT_EQ(Report(recent_, -1, 0), (Frames{1}));
}

TEST_F(RecentWritesTest, WritesAreForgottenAfterTwoSpansOfRunning) {
  EXPECT_EQ(Report(recent_, 1, 20), (Frames{1}));
  EXPECT_EQ(Report(recent_, 2, 20), (Frames{1, 2}));
  EXPECT_EQ(Report(recent_, 3, 20), (Frames{2, 3}));
}

TEST_F(RecentWritesTest, ShortRunsAddUp) {
  for (int i = 0; i < 4; ++i) Report(recent_, i, 5);
  EXPECT_EQ(Report(recent_, 9, 5), (Frames{0, 1, 2, 3, 9}));
  Report(recent_, -1, 15);
  EXPECT_EQ(Report(recent_, -1, 0), (Frames{9}));
}

TEST_F(RecentWritesTest, AfterAnInterruptionEveryPageIsRecentForOneSpan) {
  recent_.SetAll();
  recent_.Note(PageBitmap(64), 0);
  EXPECT_TRUE(recent_.all());
  recent_.Note(PageBitmap(64), 19 * kMs);
  EXPECT_TRUE(recent_.all());
  recent_.Note(PageBitmap(64), 1 * kMs);
  EXPECT_FALSE(recent_.all());
}

}  // namespace
}  // namespace stillframe
