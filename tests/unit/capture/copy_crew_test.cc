#include "capture/copy_crew.h"

#include <gtest/gtest.h>

#include <memory>

namespace stillframe {
namespace {

// Counts how often each part was done.
class Tally final : public SharedWork {
 public:
  explicit Tally(std::uint32_t parts)
      : parts_(parts), done_(std::make_unique<std::atomic<int>[]>(parts)) {}

  void Do(std::uint32_t part) override { ++done_[part]; }

  bool EachOnce() const {
    for (std::uint32_t i = 0; i < parts_; ++i) {
      if (done_[i] != 1) return false;
    }
    return true;
  }

 private:
  const std::uint32_t parts_;
  const std::unique_ptr<std::atomic<int>[]> done_;
};

TEST(CopyCrewTest, DoesEveryPartOnceAgainAndAgain) {
  CopyCrew crew(3);
  for (int window = 0; window < 50; ++window) {
    const CopyCrew::Borrow helpers(&crew);
    ASSERT_EQ(helpers.crew(), &crew);
    for (int run = 0; run < 4; ++run) {
      Tally work(1000);
      helpers.crew()->Run(work, 1000);
      ASSERT_TRUE(work.EachOnce()) << "window " << window << ", run " << run;
    }
  }
}

TEST(CopyCrewTest, NoPartsAreNoWork) {
  CopyCrew crew(1);
  const CopyCrew::Borrow helpers(&crew);
  Tally work(0);
  helpers.crew()->Run(work, 0);
}

TEST(CopyCrewTest, OneCaptureAtATimeHasIt) {
  CopyCrew crew(1);
  {
    const CopyCrew::Borrow first(&crew);
    EXPECT_EQ(CopyCrew::Borrow(&crew).crew(), nullptr);
  }
  EXPECT_EQ(CopyCrew::Borrow(&crew).crew(), &crew);
}

TEST(CopyCrewTest, WithoutHelpersThereIsNothingToBorrow) {
  CopyCrew crew(0);
  EXPECT_EQ(CopyCrew::Borrow(&crew).crew(), nullptr);
  EXPECT_EQ(CopyCrew::Borrow(nullptr).crew(), nullptr);
}

}  // namespace
}  // namespace stillframe
