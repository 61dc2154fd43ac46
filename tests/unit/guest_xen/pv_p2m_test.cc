#include "guest/xen/pv_p2m.h"

#include <algorithm>
#include <array>
#include <map>

#include "gtest/gtest.h"

namespace stillframe {
namespace {

using Page = std::array<std::uint64_t, 512>;

// The machine frames that the guest owns; every other is refused.
class FakeMachine {
 public:
  Page& operator[](std::uint64_t mfn) { return pages_[mfn]; }

  MachinePageReader reader() {
    return [this](std::uint64_t mfn, std::span<std::uint64_t, 512> to) -> absl::Status {
      ++reads_;
      const auto page = pages_.find(mfn);
      if (page == pages_.end()) return absl::FailedPreconditionError("not the guest's");
      std::copy(page->second.begin(), page->second.end(), to.begin());
      return absl::OkStatus();
    };
  }

  int reads_ = 0;

 private:
  std::map<std::uint64_t, Page> pages_;
};

constexpr std::uint64_t kTop = 100;
constexpr std::uint64_t kMany = std::uint64_t{1} << 30;

TEST(PvP2mTest, FindsEveryPageOfTheTableInOrder) {
  FakeMachine machine;
  machine[kTop][0] = 200;
  machine[kTop][1] = 201;
  for (std::uint64_t i = 0; i < 512; ++i) machine[200][i] = 1000 + i;
  machine[201][0] = 5000;
  const auto pages = FindP2mPages({kTop, 512 * 512 + 1}, kMany, machine.reader());
  ASSERT_TRUE(pages.ok()) << pages.status();
  ASSERT_EQ(pages->size(), 513u);
  EXPECT_EQ(pages->front(), 1000u);
  EXPECT_EQ((*pages)[511], 1511u);
  EXPECT_EQ(pages->back(), 5000u);
}

TEST(PvP2mTest, AGuestThatHasNotPublishedYetIsUnavailable) {
  FakeMachine machine;
  EXPECT_TRUE(absl::IsUnavailable(FindP2mPages({0, 512}, kMany, machine.reader()).status()));
  EXPECT_TRUE(absl::IsUnavailable(FindP2mPages({kTop, 0}, kMany, machine.reader()).status()));
}

// Page tables that map `pages` pages of the linear form from kLinear on, to frames 1000, 1001...
constexpr std::uint64_t kLinear = 0xffffc90000000000;  // slots 402, 0, 0, 0
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLargePage = 0x81;

P2mAnchor LinearAnchor(std::uint64_t pages) {
  return {~std::uint64_t{0}, pages * 512, kTop << 12, kLinear};
}

void MapLinear(FakeMachine& machine, std::uint64_t pages) {
  machine[kTop][402] = 101 << 12 | kPresent;
  machine[101][0] = 102 << 12 | kPresent;
  for (std::uint64_t i = 0; i < pages; ++i) {
    const std::uint64_t table = 200 + i / 512;
    machine[102][i / 512] = table << 12 | kPresent;
    machine[table][i % 512] = (1000 + i) << 12 | kPresent;
  }
}

TEST(PvP2mTest, ALinearTableIsFoundThroughTheGuestsPageTables) {
  FakeMachine machine;
  MapLinear(machine, 600);
  const auto pages = FindP2mPages(LinearAnchor(600), kMany, machine.reader());
  ASSERT_TRUE(pages.ok()) << pages.status();
  ASSERT_EQ(pages->size(), 600u);
  for (std::uint64_t i = 0; i < 600; ++i) EXPECT_EQ((*pages)[i], 1000 + i);
  EXPECT_EQ(machine.reads_, 5) << "each page table is read once";
}

TEST(PvP2mTest, ALinearTableMayLieInLargePages) {
  FakeMachine machine;
  MapLinear(machine, 512);
  machine[102][1] = 0x4000 << 12 | kLargePage;
  const auto pages = FindP2mPages(LinearAnchor(1024), kMany, machine.reader());
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_EQ((*pages)[511], 1511u);
  EXPECT_EQ((*pages)[512], 0x4000u);
  EXPECT_EQ((*pages)[1023], 0x41ffu);
}

TEST(PvP2mTest, MoreThanTheTreeReachesIsFoundByTheLinearTable) {
  FakeMachine machine;
  machine[kTop][402] = kTop << 12 | kPresent;
  machine[kTop][0] = kTop << 12 | kPresent;
  const std::uint64_t pfns = std::uint64_t{1} << 28;
  const auto pages = FindP2mPages({300, pfns, kTop << 12, kLinear}, kMany, machine.reader());
  EXPECT_TRUE(absl::IsFailedPrecondition(pages.status())) << pages.status();
  EXPECT_EQ(machine.reads_, 4) << "tables that name themselves end where they map nothing";
}

TEST(PvP2mTest, ALinearTableWithAHoleIsNamed) {
  FakeMachine machine;
  MapLinear(machine, 3);
  const auto pages = FindP2mPages(LinearAnchor(4), kMany, machine.reader());
  EXPECT_TRUE(absl::IsFailedPrecondition(pages.status()));
  EXPECT_NE(pages.status().message().find("0xffffc90000003000"), absl::string_view::npos)
      << pages.status();
}

TEST(PvP2mTest, NeitherFormMeansNotYet) {
  FakeMachine machine;
  const auto pages = FindP2mPages({~std::uint64_t{0}, 512}, kMany, machine.reader());
  EXPECT_TRUE(absl::IsUnavailable(pages.status())) << pages.status();
}

TEST(PvP2mTest, AClaimPastTheGuestsMemoryIsRefusedUnread) {
  FakeMachine machine;
  for (const std::uint64_t pfns : {std::uint64_t{1025}, kMany, ~std::uint64_t{0}}) {
    const auto pages = FindP2mPages({kTop, pfns}, 1024, machine.reader());
    EXPECT_TRUE(absl::IsFailedPrecondition(pages.status())) << pages.status();
  }
  EXPECT_EQ(machine.reads_, 0);
}

TEST(PvP2mTest, AListThatIsNotTheGuestsIsNamed) {
  FakeMachine machine;
  machine[kTop][0] = 777;
  const auto pages = FindP2mPages({kTop, 512}, kMany, machine.reader());
  ASSERT_FALSE(pages.ok());
  EXPECT_NE(pages.status().message().find("frame list 0"), absl::string_view::npos);
}

TEST(PvP2mTest, AListThatNamesItselfEndsAfterTheClaimedPages) {
  FakeMachine machine;
  machine[kTop].fill(kTop);
  const auto pages = FindP2mPages({kTop, 512 * 512 * 4}, kMany, machine.reader());
  ASSERT_TRUE(pages.ok());
  EXPECT_EQ(pages->size(), 512u * 4);
  EXPECT_EQ(machine.reads_, 5);
}

TEST(PvP2mTest, EntriesOfDevicesAndOtherDomainsAreNotTheGuestsMemory) {
  EXPECT_EQ(MachineFrameOf(0x1234), 0x1234u);
  EXPECT_EQ(MachineFrameOf(~std::uint64_t{0}), kNoMachineFrame);
  EXPECT_EQ(MachineFrameOf(std::uint64_t{1} << 62 | 0xfee00), kNoMachineFrame);
  EXPECT_EQ(MachineFrameOf(std::uint64_t{1} << 63 | 0x1234), kNoMachineFrame);
}

}  // namespace
}  // namespace stillframe
