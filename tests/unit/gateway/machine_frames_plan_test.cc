#include "gateway/machine_frames_plan.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "base/reason.h"
#include "unit/gateway/fake_snapshot.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kPages = 2 * MachineFramesPlan::kChunkPages + 10;

std::vector<std::uint64_t> Table() {
  std::vector<std::uint64_t> table(kPages);
  std::iota(table.begin(), table.end(), std::uint64_t{1} << 30);
  return table;
}

absl::StatusOr<MachineFramesPlan> Plan(const v1::ReadMachineFramesRequest& request,
                                       std::vector<std::uint64_t> table = Table(),
                                       const ServingLimits& limits = {}) {
  return MachineFramesPlan::Create(
      std::make_shared<FakeSnapshot>(std::vector<Slot>(kPages, kZeroSlot), std::move(table)),
      request, limits);
}

void AddRange(v1::ReadMachineFramesRequest& request, std::uint64_t first, std::uint64_t pages) {
  v1::PageRange& range = *request.add_ranges();
  range.set_first_gfn(first);
  range.set_page_count(pages);
}

// First and length of every chunk; their contents are checked.
std::vector<GfnRange> Execute(MachineFramesPlan plan) {
  const std::vector<std::uint64_t> table = Table();
  std::vector<GfnRange> ranges;
  while (const auto chunk = plan.Next()) {
    ranges.push_back({chunk->first, chunk->frames.size()});
    EXPECT_TRUE(std::equal(chunk->frames.begin(), chunk->frames.end(),
                           table.begin() + static_cast<std::ptrdiff_t>(chunk->first.value)));
  }
  return ranges;
}

TEST(MachineFramesPlanTest, TheWholeTableIsCutToChunks) {
  constexpr std::uint64_t kChunk = MachineFramesPlan::kChunkPages;
  EXPECT_EQ(
      Execute(*Plan({})),
      (std::vector<GfnRange>{{Gfn{0}, kChunk}, {Gfn{kChunk}, kChunk}, {Gfn{2 * kChunk}, 10}}));
}

TEST(MachineFramesPlanTest, RangesComeInTheOrderAskedForAndMayOverlap) {
  v1::ReadMachineFramesRequest request;
  AddRange(request, kPages - 1, 1);
  AddRange(request, 3, 2);
  AddRange(request, 4, MachineFramesPlan::kChunkPages + 1);
  EXPECT_EQ(Execute(*Plan(request)),
            (std::vector<GfnRange>{{Gfn{kPages - 1}, 1},
                                   {Gfn{3}, 2},
                                   {Gfn{4}, MachineFramesPlan::kChunkPages},
                                   {Gfn{4 + MachineFramesPlan::kChunkPages}, 1}}));
}

TEST(MachineFramesPlanTest, WhatCannotBeReadIsRefusedWithItsReason) {
  const absl::Status none = Plan({}, {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(none));
  EXPECT_EQ(ReasonOf(none).name, "NO_MACHINE_FRAMES");
  v1::ReadMachineFramesRequest past_end;
  AddRange(past_end, kPages, 1);
  EXPECT_EQ(ReasonOf(Plan(past_end).status()).name, "RANGE_PAST_END");
  v1::ReadMachineFramesRequest wraps;
  AddRange(wraps, 1, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(ReasonOf(Plan(wraps).status()).name, "RANGE_INVALID");
  v1::ReadMachineFramesRequest many;
  for (int i = 0; i < 3; ++i) AddRange(many, 0, 1);
  const absl::Status too_many = Plan(many, Table(), {.request_ranges_max = 2}).status();
  EXPECT_EQ(ReasonOf(too_many).metadata.at("limit"), "request_ranges_max");
}

}  // namespace
}  // namespace stillframe
