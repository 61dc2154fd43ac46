#include "guardian/pause_slot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "guardian/pause_ledger.h"
#include "support/guardian/resume_board.h"
#include "support/guardian/temp_dir.h"

namespace stillframe {
namespace {

class PauseSlotTest : public ::testing::Test {
 protected:
  PauseSlotTest() : ledger_(*PauseLedger::Open(dir_.File("pauses"), std::chrono::milliseconds(0))) {
    slot().WriteTicket(testing::BoardTicket(3));
  }

  PauseSlot& slot() { return ledger_.slot(0); }

  testing::TempDir dir_;
  PauseLedger ledger_;
};

TEST_F(PauseSlotTest, GoesFromIdleThroughArmedAndResumingBackToIdle) {
  EXPECT_EQ(slot().Load().state(), PauseState::kIdle);
  const auto armed = slot().Arm(/*deadline_ns=*/70, /*now_ns=*/50);
  ASSERT_TRUE(armed.ok());
  EXPECT_EQ(slot().Load().state(), PauseState::kArmed);
  EXPECT_EQ(slot().deadline_ns(), 70u);
  EXPECT_EQ(slot().armed_ns(), 50u);
  EXPECT_TRUE(slot().BeginResume(*armed));
  EXPECT_EQ(slot().Load().state(), PauseState::kResuming);
  EXPECT_TRUE(slot().Disarm(*armed));
  EXPECT_EQ(slot().Load().state(), PauseState::kIdle);
}

TEST_F(PauseSlotTest, RefusesToArmTwice) {
  const auto armed = slot().Arm(70, 50);
  ASSERT_TRUE(armed.ok());
  EXPECT_TRUE(absl::IsUnavailable(slot().Arm(90, 60).status()));
  EXPECT_EQ(slot().deadline_ns(), 70u);
  EXPECT_TRUE(slot().Disarm(*armed));
}

TEST_F(PauseSlotTest, DaemonLearnsThatTheGuardianClaimed) {
  const auto armed = slot().Arm(70, 50);
  ASSERT_TRUE(armed.ok());
  ASSERT_TRUE(slot().Claim(slot().Load()));
  EXPECT_FALSE(slot().BeginResume(*armed));
  EXPECT_FALSE(slot().Disarm(*armed));
  EXPECT_EQ(slot().Load().state(), PauseState::kClaimed) << "the guardian is still at it";
}

TEST_F(PauseSlotTest, DaemonLearnsThatTheGuardianClaimedAlsoAfterItSettled) {
  const auto armed = slot().Arm(70, 50);
  ASSERT_TRUE(armed.ok());
  ASSERT_TRUE(slot().Claim(slot().Load()));
  slot().Settle(slot().Load());
  EXPECT_FALSE(slot().Disarm(*armed));
}

TEST_F(PauseSlotTest, GuardianCannotClaimAPauseThatMovedOn) {
  const auto first = slot().Arm(70, 50);
  ASSERT_TRUE(first.ok());
  const PauseWord seen = slot().Load();
  ASSERT_TRUE(slot().Disarm(*first));
  const auto second = slot().Arm(90, 80);
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(slot().Claim(seen)) << "an old look must not end a new pause";
  EXPECT_TRUE(slot().Disarm(*second));
}

TEST_F(PauseSlotTest, PauserIsDeadOnceTheThreadThatArmedEnded) {
  std::atomic<int> step{0};
  std::thread pauser([&] {
    EXPECT_TRUE(slot().Arm(70, 50).ok());
    step = 1;
    step.notify_all();
    step.wait(1);
  });
  step.wait(0);
  EXPECT_FALSE(slot().PauserIsDead());
  step = 2;
  step.notify_all();
  pauser.join();
  EXPECT_TRUE(slot().PauserIsDead());
}

TEST_F(PauseSlotTest, EachPauseEndsExactlyOnceWhenBothSidesRace) {
  constexpr int kRounds = 20000;
  std::atomic<bool> done{false};
  std::uint64_t claimed = 0;
  std::thread guardian([&] {
    while (!done) {
      const PauseWord seen = slot().Load();
      if (seen.state() != PauseState::kArmed && seen.state() != PauseState::kResuming) continue;
      if (!slot().Claim(seen)) continue;
      ++claimed;
      slot().Settle(seen.With(PauseState::kClaimed));
    }
  });
  std::uint64_t lost = 0;
  std::uint64_t kept = 0;
  for (int i = 0; i < kRounds; ++i) {
    auto armed = slot().Arm(1, 1);
    while (!armed.ok()) armed = slot().Arm(1, 1);
    slot().BeginResume(*armed);
    ++(slot().Disarm(*armed) ? kept : lost);
  }
  done = true;
  guardian.join();
  EXPECT_EQ(claimed, lost);
  EXPECT_EQ(kept + lost, static_cast<std::uint64_t>(kRounds));
}

}  // namespace
}  // namespace stillframe
