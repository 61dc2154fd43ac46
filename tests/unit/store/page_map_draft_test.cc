#include "store/page_map_draft.h"

#include <array>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

using testing::ElementsAre;

TEST(PageMapDraftTest, BeginsAsTheFormerMapAndEndsSealed) {
  const std::array<Slot, 3> former = {7, kZeroSlot, 9};
  auto draft = PageMapDraft::Make(4, former);
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_EQ(draft->pages(), 4);
  EXPECT_EQ(draft->tally().present, 2);
  EXPECT_EQ(draft->tally().zero, 1);

  draft->Set(0, kZeroSlot);
  draft->Set(3, 11);
  EXPECT_EQ(draft->tally().present, 2);
  EXPECT_EQ(draft->tally().zero, 2);

  const auto map = (*std::move(draft)).Seal();
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_THAT(map->slots(), ElementsAre(kZeroSlot, kZeroSlot, 9, 11));
}

TEST(PageMapDraftTest, LeavesOutPagesThatAreNoMore) {
  const std::array<Slot, 3> former = {1, 2, 3};
  auto draft = PageMapDraft::Make(2, former);
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_EQ(draft->tally().present, 2);
  EXPECT_FALSE(PageMapDraft::Make(0, former).ok());
}

}  // namespace
}  // namespace stillframe
