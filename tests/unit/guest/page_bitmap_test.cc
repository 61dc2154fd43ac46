#include "guest/page_bitmap.h"

#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

using testing::ElementsAre;

std::vector<GfnRange> Runs(const PageBitmap& bitmap, GfnRange within) {
  std::vector<GfnRange> runs;
  bitmap.ForEachRun(within, [&](GfnRange run) { runs.push_back(run); });
  return runs;
}

TEST(PageBitmapTest, AgreesWithAPlainArray) {
  std::mt19937_64 random(7);
  for (const std::uint64_t pages : {1, 63, 64, 65, 200}) {
    PageBitmap bitmap(pages);
    std::vector<bool> model(pages);
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t first = random() % pages;
      const GfnRange range{Gfn{first}, random() % (pages - first + 1)};
      const bool set = random() % 2 == 0;
      set ? bitmap.SetRange(range) : bitmap.ClearRange(range);
      for (std::uint64_t i = 0; i < range.pages; ++i) model[first + i] = set;

      std::vector<bool> rebuilt(pages);
      for (const GfnRange run : Runs(bitmap, {Gfn{0}, pages})) {
        for (std::uint64_t i = 0; i < run.pages; ++i) rebuilt[run.first.value + i] = true;
      }
      ASSERT_EQ(rebuilt, model);
      std::uint64_t count = 0;
      for (std::uint64_t i = 0; i < pages; ++i) {
        ASSERT_EQ(bitmap.Test(Gfn{i}), model[i]);
        count += model[i] ? 1 : 0;
      }
      ASSERT_EQ(bitmap.Count(), count);
    }
  }
}

TEST(PageBitmapTest, RunsAreMaximalAndStayInside) {
  PageBitmap bitmap(300);
  bitmap.SetRange({Gfn{10}, 100});
  bitmap.Set(Gfn{299});
  EXPECT_THAT(Runs(bitmap, {Gfn{0}, 300}),
              ElementsAre(GfnRange{Gfn{10}, 100}, GfnRange{Gfn{299}, 1}));
  EXPECT_THAT(Runs(bitmap, {Gfn{50}, 20}), ElementsAre(GfnRange{Gfn{50}, 20}));
  EXPECT_THAT(Runs(bitmap, {Gfn{290}, 1000}), ElementsAre(GfnRange{Gfn{299}, 1}));
  EXPECT_TRUE(Runs(bitmap, {Gfn{500}, 10}).empty());
}

TEST(PageBitmapTest, ResizeKeepsWhatRemainsAndAddsClearBits) {
  PageBitmap bitmap(100);
  bitmap.SetRange({Gfn{0}, 100});
  bitmap.Resize(70);
  bitmap.Resize(128);
  EXPECT_EQ(bitmap.Count(), 70u);
  EXPECT_FALSE(bitmap.Test(Gfn{70}));
}

TEST(PageBitmapTest, OrAndAndCombine) {
  PageBitmap a(80), b(80);
  a.Set(Gfn{1});
  a.Set(Gfn{70});
  b.Set(Gfn{70});
  b.Set(Gfn{79});
  PageBitmap both = a;
  both.And(b);
  EXPECT_THAT(Runs(both, {Gfn{0}, 80}), ElementsAre(GfnRange{Gfn{70}, 1}));
  a.Or(b);
  EXPECT_EQ(a.Count(), 3u);
  a.ClearAll();
  EXPECT_EQ(a.Count(), 0u);
}

}  // namespace
}  // namespace stillframe
