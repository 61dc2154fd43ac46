#include "local/slot_runs.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace stillframe {
namespace {

TEST(SlotRunsTest, AgreesWithThePlainLoopOnRandomMaps) {
  std::mt19937 random(3);
  const Slot reserved[] = {kZeroSlot, kHoleSlot, kUnreadableSlot, kSlotsMax, kSlotsMax + 3};
  for (int round = 0; round < 3000; ++round) {
    std::vector<Slot> slots;
    while (slots.size() < 1 + random() % 120) {
      const std::size_t length = 1 + random() % 50;
      const Slot first = random() % 2 == 0 ? random() % 1000 : reserved[random() % 5];
      for (Slot i = 0; i < length; ++i) slots.push_back(first < 2000 ? first + i : first);
    }
    std::size_t consecutive = 1;
    while (consecutive < slots.size() && slots[consecutive] == slots[0] + consecutive) {
      ++consecutive;
    }
    std::size_t same = 1;
    while (same < slots.size() && StateOf(slots[same]) == StateOf(slots[0])) ++same;
    if (StateOf(slots[0]) == PageState::kPresent) {
      EXPECT_EQ(CountConsecutive(slots), consecutive);
    } else {
      EXPECT_EQ(CountSameState(slots), same);
    }
  }
}

TEST(SlotRunsTest, FindsASlotOutsideWhereverItIs) {
  for (const std::size_t at : {0, 1, 15, 16, 17, 62}) {
    std::vector<Slot> slots(63, kZeroSlot);
    slots[at] = 99;
    EXPECT_TRUE(SlotsAreWithin(slots, 100));
    EXPECT_FALSE(SlotsAreWithin(slots, 99));
    EXPECT_FALSE(SlotsAreWithin(slots, 0));
    slots[at] = kSlotsMax - 1;
    EXPECT_FALSE(SlotsAreWithin(slots, 100));
    EXPECT_TRUE(SlotsAreWithin(slots, kSlotsMax));
  }
}

}  // namespace
}  // namespace stillframe
