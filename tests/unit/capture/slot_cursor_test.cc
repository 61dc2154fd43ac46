#include "capture/slot_cursor.h"

#include <gtest/gtest.h>

#include <vector>

namespace stillframe {
namespace {

TEST(SlotCursorTest, HandsOutContiguousSlotsInOrderUntilNoneAreLeft) {
  const std::vector<SlotRun> runs = {{10, 3}, {40, 2}};
  SlotCursor cursor(runs);
  SlotRun taken = cursor.Take(2);
  EXPECT_EQ(taken.first, 10u);
  EXPECT_EQ(taken.count, 2u);
  taken = cursor.Take(5);
  EXPECT_EQ(taken.first, 12u);
  EXPECT_EQ(taken.count, 1u);
  taken = cursor.Take(5);
  EXPECT_EQ(taken.first, 40u);
  EXPECT_EQ(taken.count, 2u);
  EXPECT_EQ(cursor.Take(1).count, 0u);
}

TEST(SlotCursorTest, BeginsWhereItIsToldTo) {
  const std::vector<SlotRun> runs = {{10, 3}, {40, 2}};
  SlotCursor cursor(runs, 2);
  EXPECT_EQ(cursor.Take(5).first, 12u);
  EXPECT_EQ(cursor.Take(5).first, 40u);
}

}  // namespace
}  // namespace stillframe
