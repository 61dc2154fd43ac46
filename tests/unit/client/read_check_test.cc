#include "read_check.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

const std::vector<std::byte> kBytes(16 * kPageBytes);

PageRun Present(std::uint64_t first, std::uint64_t pages) {
  return {
      {Gfn{first}, pages}, v1::PAGE_STATUS_PRESENT, std::span(kBytes).first(pages * kPageBytes)};
}

PageRun Zero(std::uint64_t first, std::uint64_t pages) {
  return {{Gfn{first}, pages}, v1::PAGE_STATUS_ZERO, {}};
}

const std::vector<GfnRange> kRanges = {{Gfn{8}, 4}, {Gfn{2}, 3}};

TEST(ReadCheckTest, RefusesMorePagesThanAGuestCanHave) {
  v1::Snapshot snapshot;
  snapshot.set_page_count(kGuestPagesMax);
  EXPECT_TRUE(CheckPageCount(snapshot).ok());
  // In bytes this is 4096 modulo 2^64: what is sized by it would be far too small.
  snapshot.set_page_count((std::uint64_t{1} << 52) + 1);
  EXPECT_TRUE(absl::IsDataLoss(CheckPageCount(snapshot)));
}

TEST(ReadCheckTest, AcceptsRunsThatTileTheRangesInOrder) {
  ReadCheck check(kRanges, EmptyRuns::kReport);
  EXPECT_TRUE(check.Accept(Present(8, 2)).ok());
  EXPECT_TRUE(check.Accept(Zero(10, 2)).ok());
  EXPECT_FALSE(check.Finish().ok());
  EXPECT_TRUE(check.Accept(Present(2, 3)).ok());
  EXPECT_TRUE(check.Finish().ok());
}

TEST(ReadCheckTest, RefusesGapsOverlapsAndRunsOutsideTheRanges) {
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(Present(9, 1)).ok());
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(Present(8, 5)).ok());
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(Present(2, 1)).ok());
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(Zero(8, ~0ull)).ok());
  ReadCheck twice(kRanges, EmptyRuns::kReport);
  EXPECT_TRUE(twice.Accept(Present(8, 1)).ok());
  EXPECT_FALSE(twice.Accept(Present(8, 1)).ok());
}

TEST(ReadCheckTest, RefusesBytesThatDoNotMatchTheRun) {
  PageRun short_run = Present(8, 2);
  short_run.bytes = short_run.bytes.first(kPageBytes);
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(short_run).ok());
  PageRun zero = Zero(8, 1);
  zero.bytes = std::span(kBytes).first(kPageBytes);
  EXPECT_FALSE(ReadCheck(kRanges, EmptyRuns::kReport).Accept(zero).ok());
}

TEST(ReadCheckTest, SkippedRunsMayLeaveGapsButNotGoBack) {
  ReadCheck check(kRanges, EmptyRuns::kSkip);
  EXPECT_TRUE(check.Accept(Present(9, 1)).ok());
  EXPECT_FALSE(check.Accept(Present(8, 1)).ok());
  ReadCheck onward(kRanges, EmptyRuns::kSkip);
  EXPECT_TRUE(onward.Accept(Present(4, 1)).ok());
  EXPECT_TRUE(onward.Finish().ok());
}

}  // namespace
}  // namespace stillframe
