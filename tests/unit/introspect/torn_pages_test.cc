#include "introspect/torn_pages.h"

#include <array>
#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

using testing::HasSubstr;
using Page = std::array<std::byte, kPageBytes>;

Page Stamped(std::uint64_t index, std::uint64_t head, std::uint64_t tail) {
  Page page{};
  std::memcpy(page.data(), "SNAPTRUTHpage\x01\x02", 16);
  std::memcpy(page.data() + 16, &index, 8);
  std::memcpy(page.data() + 24, &head, 8);
  std::memcpy(page.data() + 4088, &tail, 8);
  return page;
}

TornVerdict JudgeHeads(const std::vector<std::uint64_t>& heads, std::uint64_t expected = 0) {
  TornPages pages;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    EXPECT_TRUE(pages.Add(Stamped(i, heads[i], heads[i])).ok());
  }
  return pages.Judge(expected);
}

TEST(TornPagesTest, AcceptsAPassInProgress) {
  const TornVerdict verdict = JudgeHeads({7, 7, 6, 6});
  EXPECT_TRUE(verdict.consistent) << verdict.reason;
  EXPECT_EQ(verdict.sequence, 7u);
  EXPECT_EQ(verdict.next_page, 2u);
  EXPECT_EQ(verdict.pages, 4u);
}

TEST(TornPagesTest, AcceptsAPassThatJustEnded) {
  const TornVerdict verdict = JudgeHeads({7, 7, 7});
  EXPECT_TRUE(verdict.consistent);
  EXPECT_EQ(verdict.next_page, 3u);
}

TEST(TornPagesTest, AcceptsPagesInAnyOrderAmongOthers) {
  TornPages pages;
  EXPECT_TRUE(pages.Add(Stamped(2, 4, 4)).ok());
  EXPECT_TRUE(pages.Add(Page{}).ok());
  EXPECT_TRUE(pages.Add(Stamped(0, 5, 5)).ok());
  EXPECT_TRUE(pages.Add(Stamped(1, 5, 5)).ok());
  EXPECT_TRUE(pages.Judge().consistent);
}

TEST(TornPagesTest, RefusesSequencesTooFarApart) {
  EXPECT_THAT(JudgeHeads({7, 7, 5}).reason, HasSubstr("page 2: sequence 5, page 0 has 7"));
  EXPECT_FALSE(JudgeHeads({7, 8, 8}).consistent);
}

TEST(TornPagesTest, RefusesASequenceThatRisesAgain) {
  EXPECT_THAT(JudgeHeads({7, 6, 7, 6}).reason, HasSubstr("rises"));
}

TEST(TornPagesTest, OnlyThePageStampedLastMayLag) {
  const auto judge = [](std::array<std::uint64_t, 3> heads, std::array<std::uint64_t, 3> tails) {
    TornPages pages;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(pages.Add(Stamped(i, heads[i], tails[i])).ok());
    }
    return pages.Judge().consistent;
  };
  EXPECT_TRUE(judge({7, 7, 6}, {7, 6, 6}));
  EXPECT_TRUE(judge({7, 7, 7}, {7, 7, 6}));
  EXPECT_FALSE(judge({7, 7, 6}, {6, 7, 6}));
  EXPECT_FALSE(judge({7, 7, 6}, {7, 7, 5}));
  EXPECT_FALSE(judge({7, 7, 6}, {6, 6, 6}));
  EXPECT_FALSE(judge({7, 7, 6}, {7, 5, 6}));
}

TEST(TornPagesTest, NothingFoundIsNotConsistent) {
  EXPECT_THAT(JudgeHeads({}).reason, HasSubstr("does not run"));
}

TEST(TornPagesTest, MissingAndExtraPagesAreNamed) {
  EXPECT_THAT(JudgeHeads({7, 7}, 3).reason, HasSubstr("2 stamped pages instead of 3"));
  TornPages gap;
  EXPECT_TRUE(gap.Add(Stamped(0, 7, 7)).ok());
  EXPECT_TRUE(gap.Add(Stamped(~std::uint64_t{0}, 7, 7)).ok());
  EXPECT_THAT(gap.Judge().reason, HasSubstr("page 1 is missing"));
  TornPages twice;
  EXPECT_TRUE(twice.Add(Stamped(0, 7, 7)).ok());
  EXPECT_TRUE(twice.Add(Stamped(0, 7, 7)).ok());
  EXPECT_THAT(twice.Judge().reason, HasSubstr("page 0 occurs twice"));
}

TEST(TornPagesTest, ErrorsOfTheSourceArePassedOn) {
  const absl::StatusOr<TornVerdict> verdict =
      CheckTornPages([](const PageVisitor&) { return absl::DataLossError("evicted"); });
  EXPECT_EQ(verdict.status(), absl::DataLossError("evicted"));
}

}  // namespace
}  // namespace stillframe
