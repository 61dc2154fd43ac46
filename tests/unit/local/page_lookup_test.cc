#include "local/page_lookup.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

TEST(PageLookupTest, FindsPagesInTheirSegmentsAndZerosAndNothing) {
  constexpr unsigned kShift = 2;  // four pages a segment
  std::vector<std::byte> memory(8 * kPageBytes);
  const std::array<const std::byte*, 2> segments = {memory.data() + 4 * kPageBytes, memory.data()};
  const std::array<Slot, 6> slots = {0, 3, 4, 7, kZeroSlot, kBalloonedSlot};
  const PageLookup lookup(slots.data(), segments.data(), kShift);

  EXPECT_EQ(lookup.BytesOf(Gfn{0}), segments[0]);
  EXPECT_EQ(lookup.BytesOf(Gfn{1}), segments[0] + 3 * kPageBytes);
  EXPECT_EQ(lookup.BytesOf(Gfn{2}), segments[1]);
  EXPECT_EQ(lookup.BytesOf(Gfn{3}), segments[1] + 3 * kPageBytes);
  const std::byte* zeros = lookup.BytesOf(Gfn{4});
  ASSERT_NE(zeros, nullptr);
  EXPECT_TRUE(
      std::all_of(zeros, zeros + kPageBytes, [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(lookup.BytesOf(Gfn{5}), nullptr);
}

}  // namespace
}  // namespace stillframe
