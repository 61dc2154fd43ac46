#include "capture/numa.h"

#include <gtest/gtest.h>

#include "capture/home_node.h"

namespace stillframe {
namespace {

const std::vector<NumaNode> kTwo = {{0, true, 4}, {1, true, 4}};

NodeNumber Most(const std::vector<int>& locations, const std::vector<NumaNode>& nodes) {
  return NodeOfMost(locations, nodes);
}

TEST(NodeOfMostTest, IsWhereMoreThanHalfLies) {
  EXPECT_EQ(Most({0, 1, 1}, kTwo), 1);
  EXPECT_EQ(Most({0, 0, 1}, kTwo), 0);
  EXPECT_EQ(Most({4, 4, 7, 4}, {{4, true, 2}, {7, true, 2}}), 4) << "numbers have gaps";
}

TEST(NodeOfMostTest, MemoryThatIsSpreadHasNone) {
  EXPECT_EQ(Most({0, 1, 1, 0}, kTwo), kAnyNode);
  EXPECT_EQ(Most({0, 1, 2, 2}, {{0, true, 1}, {1, true, 1}, {2, true, 1}}), kAnyNode);
}

TEST(NodeOfMostTest, PagesOfNoNodeDoNotCount) {
  EXPECT_EQ(Most({-2, -14, 1, -2, -2}, kTwo), 1);
  EXPECT_EQ(Most({-2, -14}, kTwo), kAnyNode);
  EXPECT_EQ(Most({}, kTwo), kAnyNode);
}

TEST(NodeOfMostTest, OneNodeLeavesNothingToChoose) {
  EXPECT_EQ(Most({0, 0}, {{0, true, 8}}), kAnyNode);
  EXPECT_EQ(Most({0, 0}, {}), kAnyNode);
  // A cpuset keeps us on node 0, whatever the host has.
  EXPECT_EQ(Most({0, 0}, {{0, true, 8}, {1, false, 0}}), kAnyNode);
}

TEST(NodeOfMostTest, ANodeWhereNothingCanRunOrLieIsNone) {
  const std::vector<NumaNode> with_far_memory = {{0, true, 4}, {1, true, 4}, {2, true, 0}};
  EXPECT_EQ(Most({2, 2, 2, 0}, with_far_memory), kAnyNode);
  EXPECT_EQ(Most({1, 1, 2, 1}, with_far_memory), 1);
  EXPECT_EQ(Most({2, 2}, {{0, true, 4}, {1, true, 4}, {2, false, 4}}), kAnyNode);
  // Pages of a node that this process knows nothing of count against all others.
  EXPECT_EQ(Most({9, 9, 1}, kTwo), kAnyNode);
}

TEST(HomeNodeTest, WithoutAHostThereIsNone) {
  HomeNode home(nullptr);
  std::vector<std::byte> page(kPageBytes);
  GuestView view;
  view.extents.push_back({{Gfn{0}, 1}, page.data()});
  PageBitmap mapped(1);
  mapped.Set(Gfn{0});
  home.Look(view, mapped);
  home.Prefer(page);
  EXPECT_EQ(home.node(), kAnyNode);
}

}  // namespace
}  // namespace stillframe
