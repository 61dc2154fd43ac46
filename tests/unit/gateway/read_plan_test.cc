#include "gateway/read_plan.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/reason.h"
#include "unit/gateway/fake_snapshot.h"

namespace stillframe {
namespace {

struct Seen {
  std::uint64_t first = 0;
  std::uint64_t pages = 0;
  PageState state = PageState::kPresent;
  std::size_t pieces = 0;
  std::string fill;  // the first byte of every page
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.first << "+" << seen.pages << " pieces " << seen.pieces;
}

std::vector<Seen> Execute(ReadPlan plan) {
  std::vector<Seen> all;
  ReadChunk chunk;
  ReadPlan::Step step = ReadPlan::Step::kYield;
  while ((step = plan.Next(chunk)) != ReadPlan::Step::kEnd) {
    if (step == ReadPlan::Step::kYield) continue;
    Seen seen{chunk.range.first.value, chunk.range.pages, chunk.state, chunk.pieces.size(), ""};
    std::size_t bytes = 0;
    for (const auto piece : chunk.pieces) {
      for (std::size_t at = 0; at < piece.size(); at += kPageBytes) {
        seen.fill.push_back(static_cast<char>(piece[at]));
      }
      bytes += piece.size();
    }
    EXPECT_EQ(bytes, chunk.state == PageState::kPresent ? chunk.range.bytes() : 0);
    all.push_back(seen);
  }
  return all;
}

void AddRange(v1::ReadPagesRequest& request, std::uint64_t first, std::uint64_t pages) {
  v1::PageRange& range = *request.add_ranges();
  range.set_first_gfn(first);
  range.set_page_count(pages);
}

absl::StatusOr<ReadPlan> Plan(std::vector<Slot> slots, const v1::ReadPagesRequest& request) {
  return ReadPlan::Create(std::make_shared<FakeSnapshot>(std::move(slots)), request,
                          ServingLimits{});
}

TEST(ReadPlanTest, WholeSnapshotInRunsOfOneStatus) {
  const auto seen = Execute(*Plan({3, 4, 9, kZeroSlot, kZeroSlot, kHoleSlot, 1}, {}));
  EXPECT_EQ(seen, (std::vector<Seen>{{0, 3, PageState::kPresent, 2, "\x03\x04\x09"},
                                     {3, 2, PageState::kZero, 0, ""},
                                     {5, 1, PageState::kHole, 0, ""},
                                     {6, 1, PageState::kPresent, 1, "\x01"}}));
}

TEST(ReadPlanTest, SkipEmptyLeavesOutWhatHasNoBytes) {
  v1::ReadPagesRequest request;
  request.set_skip_empty(true);
  const auto seen = Execute(*Plan({kHoleSlot, 3, kZeroSlot, kMmioSlot}, request));
  EXPECT_EQ(seen, (std::vector<Seen>{{1, 1, PageState::kPresent, 1, "\x03"}}));
}

TEST(ReadPlanTest, PresentRunsAreCutToChunks) {
  std::vector<Slot> slots(40);
  for (Slot page = 0; page < 40; ++page) slots[page] = page;
  v1::ReadPagesRequest request;
  request.set_chunk_bytes(1);  // raised to 64 KiB
  const auto seen = Execute(*Plan(slots, request));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].pages, 16u);
  EXPECT_EQ(seen[2].first, 32u);
  EXPECT_EQ(seen[2].pages, 8u);
}

TEST(ReadPlanTest, RangesComeInTheOrderAskedForAndMayOverlap) {
  v1::ReadPagesRequest request;
  AddRange(request, 2, 2);
  AddRange(request, 1, 2);
  const auto seen = Execute(*Plan({0, 1, 2, 3}, request));
  EXPECT_EQ(seen, (std::vector<Seen>{{2, 2, PageState::kPresent, 1, "\x02\x03"},
                                     {1, 2, PageState::kPresent, 1, "\x01\x02"}}));
}

TEST(ReadPlanTest, EmptySnapshotHasNothing) { EXPECT_TRUE(Execute(*Plan({}, {})).empty()); }

TEST(ReadPlanTest, LongEmptyStretchesLetOthersHaveTheThread) {
  std::vector<Slot> slots((std::size_t{1} << 22) + 10, kZeroSlot);
  slots.back() = 5;
  v1::ReadPagesRequest request;
  request.set_skip_empty(true);
  ReadPlan plan = *Plan(std::move(slots), request);
  ReadChunk chunk;
  EXPECT_EQ(plan.Next(chunk), ReadPlan::Step::kYield);
  EXPECT_EQ(plan.Next(chunk), ReadPlan::Step::kChunk);
  EXPECT_EQ(plan.Next(chunk), ReadPlan::Step::kEnd);
}

struct BadRange {
  std::uint64_t first;
  std::uint64_t pages;
  absl::StatusCode code;
  const char* reason;
};

class ReadPlanRangeTest : public testing::TestWithParam<BadRange> {};

TEST_P(ReadPlanRangeTest, IsRefused) {
  v1::ReadPagesRequest request;
  AddRange(request, GetParam().first, GetParam().pages);
  const absl::Status status = Plan({0, 1, 2, 3}, request).status();
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_EQ(ReasonOf(status).name, GetParam().reason);
}

constexpr std::uint64_t kLastPage = std::numeric_limits<std::uint64_t>::max();

INSTANTIATE_TEST_SUITE_P(
    Edges, ReadPlanRangeTest,
    testing::Values(BadRange{0, 0, absl::StatusCode::kInvalidArgument, "RANGE_INVALID"},
                    BadRange{1, kLastPage, absl::StatusCode::kInvalidArgument, "RANGE_INVALID"},
                    BadRange{kLastPage, 1, absl::StatusCode::kInvalidArgument, "RANGE_INVALID"},
                    BadRange{kLastPage, kLastPage, absl::StatusCode::kInvalidArgument,
                             "RANGE_INVALID"},
                    BadRange{0, kLastPage, absl::StatusCode::kOutOfRange, "RANGE_PAST_END"},
                    BadRange{0, 5, absl::StatusCode::kOutOfRange, "RANGE_PAST_END"},
                    BadRange{4, 1, absl::StatusCode::kOutOfRange, "RANGE_PAST_END"}));

TEST(ReadPlanTest, TooManyRangesAreRefused) {
  v1::ReadPagesRequest request;
  for (int n = 0; n <= 4096; ++n) AddRange(request, 0, 1);
  const absl::Status status = Plan({0}, request).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status).metadata.at("limit"), "request_ranges_max");
}

}  // namespace
}  // namespace stillframe
