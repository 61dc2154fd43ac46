#include "guest/qemu/guest_layout.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "recorded.h"

namespace stillframe {
namespace {

using testing::ElementsAre;

GuestLayout LayOutRecorded(const std::string& name, std::uint64_t bytes) {
  const auto ranges = ParseSystemFlatView(Recorded(name));
  EXPECT_TRUE(ranges.ok()) << ranges.status();
  const std::vector<RamBlock> blocks = {{"ram", bytes}};
  auto layout = LayOut(*ranges, blocks);
  EXPECT_TRUE(layout.ok()) << layout.status();
  return layout.ok() ? *std::move(layout) : GuestLayout();
}

TEST(GuestLayoutTest, PutsHighMemoryBehindTheLowPartOfTheBlock) {
  const GuestLayout layout = LayOutRecorded("q35_3G.mtree", 3ull << 30);
  EXPECT_EQ(layout.extents.back(), (BlockExtent{{Gfn{0x100000}, 0x40000}, 0, 0x80000000}));
  EXPECT_EQ(layout.map.page_count(), 0x140000u);
  EXPECT_EQ(layout.map.KindOf(Gfn{0x7ffff}), RegionKind::kRam);
  EXPECT_EQ(layout.map.KindOf(Gfn{0x80000}), RegionKind::kHole);
  EXPECT_EQ(layout.map.KindOf(Gfn{0xfec00}), RegionKind::kMmio);
}

TEST(GuestLayoutTest, FirmwareOutsideTheSharedBlockIsUnreadable) {
  const GuestLayout layout = LayOutRecorded("pc_4G.mtree", 4ull << 30);
  EXPECT_EQ(layout.map.KindOf(Gfn{0xf0}), RegionKind::kUnreadable);
  EXPECT_EQ(layout.map.KindOf(Gfn{0xfffff}), RegionKind::kUnreadable);
}

TEST(GuestLayoutTest, ShadowedFirmwareIsReadableRom) {
  const GuestLayout layout = LayOutRecorded("q35_256M_booted.mtree", 256u << 20);
  EXPECT_EQ(layout.map.KindOf(Gfn{0xf0}), RegionKind::kRom);
  EXPECT_EQ(layout.map.readable_pages(), 65536u);
}

TEST(GuestLayoutTest, EndsWithTheLastReadablePage) {
  const GuestLayout layout = LayOutRecorded("microvm_256M.mtree", 256u << 20);
  EXPECT_EQ(layout.map.page_count(), 65536u);
}

TEST(GuestLayoutTest, DevicesTakeThePagesTheyTouch) {
  const std::vector<FlatRange> ranges = {{0, 0xfff, FlatKind::kRam, "ram", 0},
                                         {0x1000, 0x10ff, FlatKind::kDevice, "a", 0},
                                         {0x1100, 0x21ff, FlatKind::kDevice, "b", 0},
                                         {0x3000, 0x3fff, FlatKind::kRam, "ram", 0x1000}};
  const std::vector<RamBlock> blocks = {{"ram", 0x2000}};
  const auto layout = LayOut(ranges, blocks);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_THAT(layout->map.regions(), ElementsAre(MemoryRegion{{Gfn{0}, 1}, RegionKind::kRam},
                                                 MemoryRegion{{Gfn{1}, 2}, RegionKind::kMmio},
                                                 MemoryRegion{{Gfn{3}, 1}, RegionKind::kRam}));
}

TEST(GuestLayoutTest, RefusesMemoryOutsideItsBlock) {
  const std::vector<FlatRange> ranges = {{0, 0x1fff, FlatKind::kRam, "ram", 0x1000}};
  const std::vector<RamBlock> blocks = {{"ram", 0x2000}};
  EXPECT_TRUE(absl::IsDataLoss(LayOut(ranges, blocks).status()));
}

TEST(GuestLayoutTest, RefusesAGuestOfWhichNothingIsReadable) {
  const std::vector<FlatRange> ranges = {{0, 0x1fff, FlatKind::kRam, "pc.ram", 0}};
  EXPECT_TRUE(absl::IsFailedPrecondition(LayOut(ranges, {}).status()));
}

TEST(GuestLayoutTest, SurvivesRangesAtTheEndOfTheAddressSpace) {
  const std::vector<FlatRange> ranges = {
      {0, 0xfff, FlatKind::kRam, "ram", 0},
      {0xfffffffffffff000, UINT64_MAX, FlatKind::kDevice, "window", 0}};
  const std::vector<RamBlock> blocks = {{"ram", 0x1000}};
  const auto layout = LayOut(ranges, blocks);
  ASSERT_TRUE(layout.ok()) << layout.status();
  EXPECT_EQ(layout->map.page_count(), 1u);
}

}  // namespace
}  // namespace stillframe
