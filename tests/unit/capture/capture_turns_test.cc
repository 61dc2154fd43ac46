#include "capture/capture_turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

namespace stillframe {
namespace {

TEST(CaptureTurnsTest, NoMoreThanAllowedRunAtOnceAndAllComeToTheirTurn) {
  for (const int parallel_max : {1, 3}) {
    CaptureTurns turns(static_cast<std::uint64_t>(parallel_max));
    std::atomic<bool> withdrawn{false};
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<int> done{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 50; ++n) {
          const auto turn = turns.Wait(withdrawn, [] {});
          const int now = ++running;
          for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          std::this_thread::yield();
          --running;
          ++done;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(most, parallel_max);
    EXPECT_EQ(done, 300);
  }
}

TEST(CaptureTurnsTest, WhoIsWithdrawnWaitsNoLongerAndHoldsNobodyUp) {
  CaptureTurns turns(1);
  std::atomic<bool> no{false};
  std::atomic<bool> withdrawn{false};
  auto first = std::make_optional(turns.Wait(no, [] {}));
  std::thread waiting([&] { turns.Wait(withdrawn, [] {}); });
  withdrawn = true;
  turns.Wake();
  waiting.join();
  first.reset();
  const auto next = turns.Wait(no, [] {});
}

}  // namespace
}  // namespace stillframe
