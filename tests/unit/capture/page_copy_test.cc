#include "capture/page_copy.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "support/fake_guest.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kPages = 5000;

class PageCopyTest : public testing::Test {
 protected:
  PageCopyTest() : machine_(kPages), arena_(Options()) {
    for (std::uint64_t page = 0; page < kPages; ++page) machine_.Write(Gfn{page}, page + 1);
    machine_.regions = {{{Gfn{0}, 1000}, RegionKind::kRam}, {{Gfn{1100}, 3900}, RegionKind::kRam}};
    view_ = *FakeGuest(machine_).Refresh();
    copy_.Prepare(kPages);
  }

  static Arena::Options Options() {
    Arena::Options options;
    options.name = "copy";
    options.segment_bytes = 256 * kPageBytes;
    options.bytes_max = 64 * options.segment_bytes;
    return options;
  }

  // Leaves the arena with gaps, so that the reserve has many short runs.
  void Fragment() {
    std::vector<SlotRun> all;
    ASSERT_TRUE(arena_.Reserve(kPages, all).ok());
    for (const SlotRun& run : all) {
      for (std::uint32_t i = 0; i < run.count; ++i) {
        if (i % 5 != 0) arena_.Free({run.first + i, 1});
      }
    }
  }

  PageBitmap RandomSet(std::uint64_t seed, unsigned percent) const {
    std::mt19937_64 random(seed);
    PageBitmap set(kPages);
    for (const MappedExtent& extent : view_->extents) {
      for (Gfn gfn = extent.range.first; gfn < extent.range.end(); gfn = gfn + 1) {
        if (random() % 100 < percent) set.Set(gfn);
      }
    }
    return set;
  }

  FakeMachine machine_;
  std::shared_ptr<const GuestView> view_;
  Arena arena_;
  SlotReserve reserve_;
  PageCopy copy_;
  std::atomic<bool> cancelled_{false};
};

TEST_F(PageCopyTest, EachPageGoesToTheSlotOfItsRank) {
  Fragment();
  CopyCrew crew(2);
  for (const unsigned percent : {1u, 30u, 100u}) {
    for (const bool helped : {false, true}) {
      const PageBitmap set = RandomSet(percent, percent);
      constexpr std::uint64_t kFirst = 7;
      ASSERT_TRUE(reserve_.GrowTo(set.Count() + kFirst, arena_).ok());
      const CopyCrew::Borrow helpers(helped ? &crew : nullptr);
      ASSERT_EQ(copy_.Plan(*view_, set, reserve_, kFirst, arena_), set.Count());
      ASSERT_TRUE(copy_.Run(helpers.crew(), cancelled_).ok());
      SlotCursor cursor = reserve_.From(kFirst);
      for (std::uint64_t page = 0; page < kPages; ++page) {
        if (!set.Test(Gfn{page})) continue;
        ASSERT_EQ(
            std::memcmp(arena_.At(cursor.Take(1).first), machine_.PageAt(Gfn{page}), kPageBytes), 0)
            << "page " << page;
      }
      reserve_.Release(arena_);
    }
  }
}

TEST_F(PageCopyTest, AWithdrawnCopySaysSo) {
  const PageBitmap set = RandomSet(1, 50);
  ASSERT_TRUE(reserve_.GrowTo(set.Count(), arena_).ok());
  copy_.Plan(*view_, set, reserve_, 0, arena_);
  cancelled_ = true;
  EXPECT_TRUE(absl::IsCancelled(copy_.Run(nullptr, cancelled_)));
}

TEST_F(PageCopyTest, AnEmptySetNeedsNoSlots) {
  EXPECT_EQ(copy_.Plan(*view_, PageBitmap(kPages), reserve_, 0, arena_), 0u);
  EXPECT_TRUE(copy_.Run(nullptr, cancelled_).ok());
}

}  // namespace
}  // namespace stillframe
