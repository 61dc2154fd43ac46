#include "capture/pause_cost.h"

#include <gtest/gtest.h>

#include <random>

#include "base/clock.h"

namespace stillframe {
namespace {

// A guest whose pauses take a fixed time and one for each page, give or take a tenth.
class Pauses {
 public:
  Pauses(std::uint64_t fixed_ns, std::uint64_t page_ns) : fixed_ns_(fixed_ns), page_ns_(page_ns) {}

  std::uint64_t Usual(std::uint64_t pages) const { return fixed_ns_ + page_ns_ * pages; }

  std::uint64_t Next(std::uint64_t pages) {
    std::uniform_real_distribution<double> noise(0.9, 1.1);
    return static_cast<std::uint64_t>(static_cast<double>(Usual(pages)) * noise(random_));
  }

 private:
  std::uint64_t fixed_ns_;
  std::uint64_t page_ns_;
  std::mt19937_64 random_{1};
};

void Learn(PauseCost& cost, Pauses& pauses, std::initializer_list<std::uint64_t> sizes) {
  for (const std::uint64_t pages : sizes) cost.Learn(pauses.Next(pages), pages);
}

// Within a third of what the guest's pauses take: rounds and budgets ask for no more.
void ExpectForecasts(const PauseCost& cost, const Pauses& pauses,
                     std::initializer_list<std::uint64_t> sizes) {
  for (const std::uint64_t pages : sizes) {
    const auto usual = static_cast<double>(pauses.Usual(pages));
    EXPECT_NEAR(static_cast<double>(cost.ForecastNs(pages)), usual, usual / 3) << pages;
  }
}

TEST(PauseCostTest, IsWhatWasBelievedBeforeAnyPause) {
  const PauseCost cost(1000, 10);
  EXPECT_EQ(cost.ForecastNs(0), 1000u);
  EXPECT_EQ(cost.ForecastNs(500), 6000u);
}

// The first pause copies everything, and a host that is busy with the boot lets it wait.
TEST(PauseCostTest, ASlowFirstPauseIsNotBelieved) {
  PauseCost cost;
  cost.Learn(2000 * kNsPerMs, 65536);
  Pauses believed(300'000, 400);
  ExpectForecasts(cost, believed, {0, 1000, 20000});
}

TEST(PauseCostTest, OneSlowPauseHasNoSay) {
  Pauses pauses(500'000, 450);
  PauseCost cost;
  Learn(cost, pauses, {65536, 1500, 9000, 2800, 12000, 700, 4400, 8000, 2000});
  for (const std::uint64_t pages : {64, 3500, 20000}) {
    PauseCost after = cost;
    after.Learn(80 * kNsPerMs, pages);
    ExpectForecasts(after, pauses, {0, 1000, 4000, 20000});
  }
}

// Page faults, a stolen processor, a busy memory bus: three in seven.
TEST(PauseCostTest, SlowPausesHaveNoSayAsLongAsMostAreAsUsual) {
  Pauses pauses(300'000, 400);
  PauseCost cost;
  for (int round = 0; round < 10; ++round) {
    Learn(cost, pauses, {3000, 9000});
    cost.Learn(60 * kNsPerMs, 4000);
    Learn(cost, pauses, {6000, 2000});
    cost.Learn(25 * kNsPerMs, 80);
    cost.Learn(140 * kNsPerMs, 8000);
    ExpectForecasts(cost, pauses, {1000, 5000, 20000});
  }
}

TEST(PauseCostTest, AGuestThatBecameSlowForGoodIsBelievedAfterFourPauses) {
  Pauses fast(300'000, 400);
  Pauses slow(600'000, 1600);
  PauseCost cost;
  Learn(cost, fast, {65536, 3000, 9000, 5000, 7000, 2000, 4000, 8000});
  Learn(cost, slow, {3000, 9000});
  ExpectForecasts(cost, fast, {5000});
  Learn(cost, slow, {5000, 7000, 2000, 8000, 4000});
  ExpectForecasts(cost, slow, {1000, 5000, 20000});
  Learn(cost, fast, {3000, 9000, 5000, 7000, 2000, 4000, 8000});
  ExpectForecasts(cost, fast, {1000, 5000, 20000});
}

// After pre-copy the pauses are nearly all fixed part. Charged to their few pages it would make
// the next dirty set look as if it could never fit a budget.
TEST(PauseCostTest, ShortPausesDoNotMakePagesDear) {
  Pauses pauses(4'000'000, 400);  // QEMU: stop, registers, the scan for written pages, cont
  PauseCost cost;
  Learn(cost, pauses, {65536, 20000, 30000, 9000});
  Learn(cost, pauses, {64, 300, 90, 150, 70, 210, 500, 120, 80, 400});
  ExpectForecasts(cost, pauses, {0, 100, 10000});
}

TEST(PauseCostTest, PausesOfOneSizeTellWhatThatSizeCosts) {
  for (const std::uint64_t page_ns : {150, 400, 2000}) {
    Pauses pauses(300'000, page_ns);
    PauseCost cost;
    for (int i = 0; i < 20; ++i) Learn(cost, pauses, {20000});
    ExpectForecasts(cost, pauses, {20000});
  }
}

TEST(PauseCostTest, MorePagesNeverCostLess) {
  PauseCost cost;
  // The large ones were lucky, the small ones were not.
  for (int i = 0; i < 10; ++i) {
    cost.Learn(9 * kNsPerMs, 100);
    cost.Learn(2 * kNsPerMs, 5000);
  }
  EXPECT_GE(cost.ForecastNs(5000), cost.ForecastNs(100));
  EXPECT_GE(cost.ForecastNs(50000), cost.ForecastNs(5000));
}

}  // namespace
}  // namespace stillframe
