#include "guest/memory_map.h"

#include "gtest/gtest.h"

namespace stillframe {
namespace {

MemoryRegion Region(std::uint64_t first, std::uint64_t pages, RegionKind kind = RegionKind::kRam) {
  return {GfnRange{Gfn{first}, pages}, kind};
}

TEST(MemoryMapTest, SortsAndJoinsNeighboursOfOneKind) {
  const auto map = MemoryMap::Create(
      {Region(32, 8), Region(0, 16), Region(16, 16), Region(40, 4, RegionKind::kRom)});
  ASSERT_TRUE(map.ok()) << map.status();
  ASSERT_EQ(map->regions().size(), 2u);
  EXPECT_EQ(map->regions()[0], Region(0, 40));
  EXPECT_EQ(map->page_count(), 44u);
  EXPECT_EQ(map->readable_pages(), 44u);
}

TEST(MemoryMapTest, OnlyRamAndRomAreReadable) {
  const auto map = MemoryMap::Create({Region(0, 4), Region(4, 4, RegionKind::kMmio),
                                      Region(8, 4, RegionKind::kBallooned),
                                      Region(12, 4, RegionKind::kUnreadable)});
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->readable_pages(), 4u);
  EXPECT_EQ(map->page_count(), 16u);
}

TEST(MemoryMapTest, TellsTheKindOfEveryFrame) {
  const auto map = MemoryMap::Create({Region(4, 4), Region(16, 4, RegionKind::kBallooned)});
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->KindOf(Gfn{3}), RegionKind::kHole);
  EXPECT_EQ(map->KindOf(Gfn{4}), RegionKind::kRam);
  EXPECT_EQ(map->KindOf(Gfn{7}), RegionKind::kRam);
  EXPECT_EQ(map->KindOf(Gfn{8}), RegionKind::kHole);
  EXPECT_EQ(map->KindOf(Gfn{19}), RegionKind::kBallooned);
  EXPECT_EQ(map->KindOf(Gfn{20}), RegionKind::kHole);
}

TEST(MemoryMapTest, HolesAtTheEndDoNotLengthenIt) {
  const auto map = MemoryMap::Create({Region(0, 4), Region(4, 100, RegionKind::kHole)});
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->page_count(), 4u);
}

TEST(MemoryMapTest, RefusesOverlapsEmptyRegionsAndTheImpossible) {
  EXPECT_TRUE(absl::IsInvalidArgument(MemoryMap::Create({Region(0, 5), Region(4, 4)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MemoryMap::Create({Region(0, 0)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MemoryMap::Create({Region(1, kGuestPagesMax)}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MemoryMap::Create({Region(~std::uint64_t{0}, 2)}).status()));
  EXPECT_TRUE(MemoryMap::Create({Region(0, kGuestPagesMax)}).ok());
}

}  // namespace
}  // namespace stillframe
