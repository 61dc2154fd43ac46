#include "gateway/extents.h"

#include <gtest/gtest.h>

#include <random>

namespace stillframe {
namespace {

std::vector<GfnRange> Changed(const std::vector<Slot>& base, const std::vector<Slot>& target,
                              std::uint64_t coalesce_pages, std::size_t extents_max = 3) {
  ChangedExtents walk(base, target, coalesce_pages);
  std::vector<GfnRange> all;
  bool more = true;
  while (more) {
    std::vector<GfnRange> found;
    more = walk.Next(extents_max, found);
    EXPECT_LE(found.size(), extents_max);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

GfnRange Pages(std::uint64_t first, std::uint64_t pages) { return {Gfn{first}, pages}; }

TEST(ChangedExtentsTest, EqualMapsHaveNone) {
  const std::vector<Slot> map(5000, 7);
  EXPECT_TRUE(Changed(map, map, 0).empty());
  EXPECT_TRUE(Changed({}, {}, 0).empty());
}

TEST(ChangedExtentsTest, FindsExactRunsAtBothEnds) {
  const std::vector<Slot> base(3000, 1);
  std::vector<Slot> target = base;
  target[0] = target[1] = target[1023] = target[1024] = target[2999] = 2;
  EXPECT_EQ(Changed(base, target, 0), (std::vector{Pages(0, 2), Pages(1023, 2), Pages(2999, 1)}));
}

TEST(ChangedExtentsTest, JoinsRunsCloserThanAsked) {
  const std::vector<Slot> base(100, 1);
  std::vector<Slot> target = base;
  target[10] = target[14] = target[20] = 2;  // gaps of 3 and 5 pages
  EXPECT_EQ(Changed(base, target, 3), (std::vector{Pages(10, 1), Pages(14, 1), Pages(20, 1)}));
  EXPECT_EQ(Changed(base, target, 4), (std::vector{Pages(10, 5), Pages(20, 1)}));
  EXPECT_EQ(Changed(base, target, ~std::uint64_t{0}), (std::vector{Pages(10, 11)}));
}

TEST(ChangedExtentsTest, PagesThatOnlyOneMapHasChangedUnlessHoles) {
  const std::vector<Slot> base(10, 1);
  std::vector<Slot> target(15, 1);
  target[11] = kHoleSlot;
  const std::vector expected{Pages(10, 1), Pages(12, 3)};
  EXPECT_EQ(Changed(base, target, 0), expected);
  EXPECT_EQ(Changed(target, base, 0), expected);
}

TEST(ChangedExtentsTest, AgreesWithComparingPageByPage) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<Slot> base(1 + random() % 6000, 1);
    std::vector<Slot> target(base.size(), 1);
    for (std::uint32_t n = random() % 200; n > 0; --n) target[random() % target.size()] = 2;
    std::vector<bool> covered(base.size());
    for (const GfnRange& run : Changed(base, target, 0, 1 + random() % 9)) {
      for (std::uint64_t page = run.first.value; page < run.end().value; ++page) {
        EXPECT_FALSE(covered[page]);
        covered[page] = true;
      }
    }
    for (std::size_t page = 0; page < base.size(); ++page) {
      ASSERT_EQ(covered[page], base[page] != target[page]) << "page " << page;
    }
  }
}

TEST(AllocatedExtentsTest, CoverEveryPageInMaximalRuns) {
  const std::vector<Slot> map{0, 5, kZeroSlot, kZeroSlot, kHoleSlot, kMmioSlot, 9};
  AllocatedExtents walk(map);
  std::vector<AllocatedExtent> all;
  bool more = true;
  while (more) {
    std::vector<AllocatedExtent> found;
    more = walk.Next(2, found);
    EXPECT_LE(found.size(), 2u);
    all.insert(all.end(), found.begin(), found.end());
  }
  EXPECT_EQ(all, (std::vector<AllocatedExtent>{{Pages(0, 2), PageState::kPresent},
                                               {Pages(2, 2), PageState::kZero},
                                               {Pages(4, 1), PageState::kHole},
                                               {Pages(5, 1), PageState::kMmio},
                                               {Pages(6, 1), PageState::kPresent}}));
}

}  // namespace
}  // namespace stillframe
