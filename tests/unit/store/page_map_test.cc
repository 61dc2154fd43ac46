#include "store/page_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/memfd.h"

namespace stillframe {
namespace {

TEST(PageMapTest, HoldsACopyThatNobodyCanChange) {
  std::vector<Slot> slots = {5, kZeroSlot, kHoleSlot};
  auto map = PageMap::Seal("test", slots);
  ASSERT_TRUE(map.ok());
  slots[0] = 9;
  EXPECT_EQ(map->slots()[0], 5u);
  EXPECT_EQ(map->slots()[2], kHoleSlot);
  EXPECT_FALSE(Mapping::Shared(map->fd(), 0, 12, Access::kReadWrite).ok());
  EXPECT_LT(pwrite(map->fd(), "x", 1, 0), 0);
}

TEST(PageMapTest, RefusesAFileThatCouldShrinkUnderTheMapping) {
  auto fd = CreateMemfd("unsealed", 4096);
  ASSERT_TRUE(fd.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(PageMap::Open(*std::move(fd), 1024).status()));
}

TEST(PageMapTest, RefusesAFileThatCouldBeWrittenAfterItWasChecked) {
  auto fd = CreateMemfd("writable", 4096);
  ASSERT_TRUE(fd.ok());
  ASSERT_EQ(fcntl(fd->get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(PageMap::Open(*std::move(fd), 1024).status()));
}

TEST(PageMapTest, RefusesAFileShorterThanAnnounced) {
  const std::vector<Slot> slots(4, kZeroSlot);
  auto map = PageMap::Seal("test", slots);
  ASSERT_TRUE(map.ok());
  UniqueFd copy(dup(map->fd()));
  EXPECT_TRUE(absl::IsFailedPrecondition(PageMap::Open(std::move(copy), 5).status()));
}

TEST(PageMapTest, RefusesImpossibleSizes) {
  EXPECT_FALSE(PageMap::Seal("test", {}).ok());
  UniqueFd null(open("/dev/null", O_RDONLY));
  EXPECT_FALSE(PageMap::Open(std::move(null), kGuestPagesMax + 1).ok());
}

TEST(SlotTest, ValuesFromOutsideThatMeanNothingCountAsUnreadable) {
  EXPECT_EQ(StateOf(0), PageState::kPresent);
  EXPECT_EQ(StateOf(kSlotsMax - 1), PageState::kPresent);
  EXPECT_EQ(StateOf(kSlotsMax), PageState::kUnreadable);
  EXPECT_EQ(StateOf(kZeroSlot), PageState::kZero);
  EXPECT_EQ(StateOf(EmptySlotOf(RegionKind::kMmio)), PageState::kMmio);
  EXPECT_EQ(StateOf(EmptySlotOf(RegionKind::kBallooned)), PageState::kBallooned);
}

}  // namespace
}  // namespace stillframe
