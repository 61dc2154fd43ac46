#include "extent_check.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

constexpr std::uint64_t kFar = ~std::uint64_t{0};

GfnRange Extent(std::uint64_t first, std::uint64_t pages) { return {Gfn{first}, pages}; }

TEST(ExtentCheckTest, AllocatedExtentsCoverEveryPageOnce) {
  AllocatedExtentCheck check(10);
  EXPECT_TRUE(check.Accept(Extent(0, 4)).ok());
  EXPECT_TRUE(absl::IsDataLoss(check.Finish()));
  for (const GfnRange wrong :
       {Extent(5, 1), Extent(3, 1), Extent(4, 0), Extent(4, 7), Extent(4, kFar), Extent(kFar, 1)}) {
    EXPECT_TRUE(absl::IsDataLoss(check.Accept(wrong))) << wrong.first.value << " " << wrong.pages;
  }
  EXPECT_TRUE(check.Accept(Extent(4, 6)).ok());
  EXPECT_TRUE(check.Finish().ok());
}

TEST(ExtentCheckTest, ChangedExtentsAscendWithinWhatAGuestCanHave) {
  ChangedExtentCheck check;
  EXPECT_TRUE(check.Accept(Extent(3, 2)).ok());
  for (const GfnRange wrong : {Extent(4, 1), Extent(0, 1), Extent(9, 0), Extent(kFar, 2),
                               Extent(9, kFar), Extent(kGuestPagesMax, 1)}) {
    EXPECT_TRUE(absl::IsDataLoss(check.Accept(wrong))) << wrong.first.value << " " << wrong.pages;
  }
  EXPECT_TRUE(check.Accept(Extent(kGuestPagesMax - 1, 1)).ok());
}

}  // namespace
}  // namespace stillframe
