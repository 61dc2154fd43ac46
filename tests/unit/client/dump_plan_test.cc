#include "dump/dump_plan.h"

#include <gtest/gtest.h>

#include <cstring>

namespace stillframe::cli {
namespace {

std::vector<StatusExtent> Example() {
  return {
      {{Gfn{0}, 2}, v1::PAGE_STATUS_PRESENT},     {{Gfn{2}, 3}, v1::PAGE_STATUS_ZERO},
      {{Gfn{5}, 1}, v1::PAGE_STATUS_ABSENT_HOLE}, {{Gfn{6}, 1}, v1::PAGE_STATUS_ABSENT_MMIO},
      {{Gfn{7}, 4}, v1::PAGE_STATUS_PRESENT},     {{Gfn{11}, 1}, v1::PAGE_STATUS_ABSENT_BALLOONED}};
}

std::uint64_t U64At(const std::vector<std::byte>& bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

TEST(DumpPlanTest, ResidentRangesJoinPresentAndZeroAndSplitAtHoles) {
  const auto ranges = ResidentRanges(Example());
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0], (GfnRange{Gfn{0}, 5}));
  EXPECT_EQ(ranges[1], (GfnRange{Gfn{7}, 4}));
}

TEST(DumpPlanTest, RawOffsetsAreGuestPhysicalAddresses) {
  const DumpPlan plan = PlanRaw(Example());
  ASSERT_EQ(plan.segments.size(), 2u);
  EXPECT_TRUE(plan.headers.empty());
  EXPECT_EQ(plan.segments[1].offset, 7 * kPageBytes);
  EXPECT_EQ(plan.file_bytes, 12 * kPageBytes);
}

TEST(DumpPlanTest, LimeHeadersEndInclusiveAndNothingFollowsTheLastByte) {
  const DumpPlan plan = PlanLime(Example());
  ASSERT_EQ(plan.headers.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const DumpHeader& header = plan.headers[i];
    const DumpSegment& segment = plan.segments[i];
    ASSERT_EQ(header.bytes.size(), 32u);
    EXPECT_EQ(U64At(header.bytes, 0), 0x0000'0001'4c69'4d45u);
    EXPECT_EQ(U64At(header.bytes, 8), segment.range.first.address());
    EXPECT_EQ(U64At(header.bytes, 16), segment.range.end().address() - 1);
    EXPECT_EQ(U64At(header.bytes, 24), 0u);
    EXPECT_EQ(segment.offset, header.offset + 32);
  }
  EXPECT_EQ(plan.headers[1].offset, plan.segments[0].offset + 5 * kPageBytes);
  EXPECT_EQ(plan.file_bytes, plan.segments[1].offset + 4 * kPageBytes);
}

TEST(DumpPlanTest, NothingResidentGivesFormatsWithoutPages) {
  const std::vector<StatusExtent> hole = {{{Gfn{0}, 9}, v1::PAGE_STATUS_ABSENT_HOLE}};
  EXPECT_EQ(PlanLime(hole).file_bytes, 0u);
  EXPECT_EQ(PlanRaw(hole).file_bytes, 9 * kPageBytes);
  EXPECT_TRUE(PlanElf(hole, {}).segments.empty());
}

}  // namespace
}  // namespace stillframe::cli
