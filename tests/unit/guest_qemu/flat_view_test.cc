#include "guest/qemu/flat_view.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "recorded.h"

namespace stillframe {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;

TEST(FlatViewTest, ReadsQ35BeforeFirmwareRan) {
  const auto ranges = ParseSystemFlatView(Recorded("q35_256M.mtree"));
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_EQ(ranges->front(), (FlatRange{0, 0xbffff, FlatKind::kRam, "ram", 0}));
  EXPECT_THAT(*ranges, Contains(FlatRange{0xe0000, 0xfffff, FlatKind::kRom, "pc.bios", 0x20000}));
  EXPECT_THAT(*ranges, Contains(FlatRange{0x100000, 0xfffffff, FlatKind::kRam, "ram", 0x100000}));
  EXPECT_THAT(*ranges, Contains(AllOf(Field(&FlatRange::block, "ioapic"),
                                      Field(&FlatRange::kind, FlatKind::kDevice))));
}

TEST(FlatViewTest, ReadsShadowedFirmwareAfterItRan) {
  const auto ranges = ParseSystemFlatView(Recorded("q35_256M_booted.mtree"));
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_THAT(*ranges, Contains(FlatRange{0xf0000, 0xfffff, FlatKind::kRom, "ram", 0xf0000}));
}

TEST(FlatViewTest, FindsTheSplitBelowFourGiB) {
  const auto q35 = ParseSystemFlatView(Recorded("q35_3G.mtree"));
  const auto pc = ParseSystemFlatView(Recorded("pc_4G.mtree"));
  ASSERT_TRUE(q35.ok() && pc.ok());
  EXPECT_EQ(q35->back(), (FlatRange{0x100000000, 0x13fffffff, FlatKind::kRam, "ram", 0x80000000}));
  EXPECT_EQ(pc->back(), (FlatRange{0x100000000, 0x13fffffff, FlatKind::kRam, "ram", 0xc0000000}));
}

TEST(FlatViewTest, FindsTheViewOfAMachineThatSharesItWithSmm) {
  const auto ranges = ParseSystemFlatView(Recorded("microvm_256M.mtree"));
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_EQ(ranges->front(), (FlatRange{0, 0xeffff, FlatKind::kRam, "ram", 0}));
}

TEST(FlatViewTest, KeepsSpacesInNamesAndDropsTheAccelerator) {
  const auto ranges = ParseSystemFlatView(
      "FlatView #0\r\n AS \"memory\", root: system\r\n Root memory region: system\r\n"
      "  0000000000000000-0000000000000fff (prio -5, ram): my ram @0000000000002000 KVM\r\n");
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_THAT(*ranges, ElementsAre(FlatRange{0, 0xfff, FlatKind::kRam, "my ram", 0x2000}));
}

TEST(FlatViewTest, RefusesOverlappingRanges) {
  EXPECT_TRUE(absl::IsDataLoss(
      ParseSystemFlatView("FlatView #0\n AS \"memory\", root: system\n"
                          "  0000000000000000-0000000000001fff (prio 0, ram): ram\n"
                          "  0000000000001000-0000000000002fff (prio 0, ram): ram\n")
          .status()));
}

TEST(FlatViewTest, RefusesTextWithoutASystemView) {
  EXPECT_TRUE(absl::IsDataLoss(ParseSystemFlatView("").status()));
  EXPECT_TRUE(absl::IsDataLoss(ParseSystemFlatView("unknown command: 'info mtree'").status()));
}

TEST(FlatViewTest, SurvivesDamagedText) {
  const std::string original = Recorded("q35_3G.mtree");
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    std::string text = original.substr(0, random() % original.size());
    for (int i = 0; i < 5 && !text.empty(); ++i) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    const auto ranges = ParseSystemFlatView(text);
    if (!ranges.ok()) continue;
    for (std::size_t i = 1; i < ranges->size(); ++i) {
      ASSERT_LT((*ranges)[i - 1].last, (*ranges)[i].first);
    }
  }
}

}  // namespace
}  // namespace stillframe
