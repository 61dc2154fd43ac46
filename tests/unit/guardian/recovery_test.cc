#include "guardian/recovery.h"

#include <gtest/gtest.h>

#include "support/guardian/resume_board.h"
#include "support/guardian/temp_dir.h"

namespace stillframe {
namespace {

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest()
      : ledger_(*PauseLedger::Open(dir_.File("pauses"), std::chrono::milliseconds(0))),
        board_(testing::ResumeBoard::AtPath(dir_.File("board"))) {
    resumers_.push_back(MakeBoardResumer(board_));
  }

  PauseWord ArmGuest(std::size_t index) {
    ledger_.slot(index).WriteTicket(testing::BoardTicket(index));
    const PauseWord armed = *ledger_.slot(index).Arm(1, 1);
    ledger_.slot(index).LetGo();
    return armed;
  }

  PauseState StateOf(std::size_t index) { return ledger_.slot(index).Load().state(); }

  testing::TempDir dir_;
  PauseLedger ledger_;
  testing::ResumeBoard board_;
  ResumerList resumers_;
};

TEST_F(RecoveryTest, FindsNothingInAnIdleLedger) {
  EXPECT_TRUE(RecoverLeftovers(ledger_, resumers_).empty());
}

TEST_F(RecoveryTest, ResumesEveryPauseInForceOnce) {
  ArmGuest(0);
  ledger_.slot(1).BeginResume(ArmGuest(1));
  ledger_.slot(2).Claim(ArmGuest(2));
  const auto recovered = RecoverLeftovers(ledger_, resumers_);
  ASSERT_EQ(recovered.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(recovered[i].outcome.ok());
    EXPECT_EQ(recovered[i].ticket, testing::BoardTicket(i));
    EXPECT_EQ(board_.guest(i).resumes, 1u);
    EXPECT_EQ(StateOf(i), PauseState::kIdle);
  }
  EXPECT_TRUE(RecoverLeftovers(ledger_, resumers_).empty());
}

TEST_F(RecoveryTest, ForgetsGuestsThatAreGone) {
  ArmGuest(0);
  board_.guest(0).gone = 1;
  const auto recovered = RecoverLeftovers(ledger_, resumers_);
  ASSERT_EQ(recovered.size(), 1u);
  EXPECT_TRUE(absl::IsNotFound(recovered[0].outcome));
  EXPECT_EQ(StateOf(0), PauseState::kIdle);
}

TEST_F(RecoveryTest, KeepsWhatFailedForTheNextAttempt) {
  ArmGuest(0);
  board_.guest(0).failures = 1;
  EXPECT_TRUE(absl::IsUnavailable(RecoverLeftovers(ledger_, resumers_).at(0).outcome));
  EXPECT_TRUE(RecoverLeftovers(ledger_, resumers_).at(0).outcome.ok());
  EXPECT_EQ(board_.guest(0).resumes, 1u);
}

TEST_F(RecoveryTest, KeepsAGuestOfABackendThatThisProgramLacks) {
  ArmGuest(0);
  EXPECT_TRUE(absl::IsUnimplemented(RecoverLeftovers(ledger_, {}).at(0).outcome));
  EXPECT_EQ(StateOf(0), PauseState::kClaimed);
}

TEST_F(RecoveryTest, DropsAPauseWhoseTicketIsDamaged) {
  ResumeTicket ticket = testing::BoardTicket(0);
  ticket.backend = static_cast<Backend>(77);
  ledger_.slot(0).WriteTicket(ticket);
  ASSERT_TRUE(ledger_.slot(0).Arm(1, 1).ok());
  ledger_.slot(0).LetGo();
  EXPECT_TRUE(absl::IsDataLoss(RecoverLeftovers(ledger_, resumers_).at(0).outcome));
  EXPECT_EQ(StateOf(0), PauseState::kIdle);
}

}  // namespace
}  // namespace stillframe
