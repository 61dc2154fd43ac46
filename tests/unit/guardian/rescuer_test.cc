#include "guardian/rescuer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/guardian/resume_board.h"
#include "support/guardian/temp_dir.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

class HandClock final : public Clock {
 public:
  std::uint64_t MonotonicNs() const override { return now_ns; }
  std::uint64_t WallNs() const override { return now_ns; }
  std::uint64_t now_ns = 1000 * kMs;
};

class RescuerTest : public ::testing::Test {
 protected:
  RescuerTest()
      : ledger_(*PauseLedger::Open(dir_.File("pauses"), std::chrono::milliseconds(0))),
        board_(testing::ResumeBoard::AtPath(dir_.File("board"))) {
    resumers_.push_back(MakeBoardResumer(board_));
  }

  Rescuer NewRescuer() {
    return Rescuer(
        ledger_, resumers_, clock_, [](const std::string&) {}, RescuePolicy{});
  }

  // Pauses guest `index` for 100 ms; the slot's lock is left to a thread that ended.
  PauseWord ArmGuest(std::size_t index) {
    PauseWord armed;
    std::thread([&] {
      ledger_.slot(index).WriteTicket(testing::BoardTicket(index));
      armed = *ledger_.slot(index).Arm(clock_.now_ns + 100 * kMs, clock_.now_ns);
    }).join();
    return armed;
  }

  PauseState StateOf(std::size_t index) { return ledger_.slot(index).Load().state(); }
  std::uint32_t Resumes(std::size_t index) { return board_.guest(index).resumes; }

  testing::TempDir dir_;
  PauseLedger ledger_;
  testing::ResumeBoard board_;
  ResumerList resumers_;
  HandClock clock_;
  Rescuer rescuer_ = NewRescuer();
};

TEST_F(RescuerTest, SleepsForeverWhileNobodyIsPaused) {
  EXPECT_EQ(rescuer_.Work(DaemonFate::kAlive), Rescuer::kNever);
}

TEST_F(RescuerTest, WaitsForTheNearestDeadline) {
  ArmGuest(0);
  clock_.now_ns += 10 * kMs;
  ArmGuest(1);
  EXPECT_EQ(rescuer_.Work(DaemonFate::kAlive), clock_.now_ns + 90 * kMs);
  EXPECT_EQ(Resumes(0) + Resumes(1), 0u);
}

TEST_F(RescuerTest, ResumesAtTheDeadlineOnceAndNotBefore) {
  ArmGuest(0);
  clock_.now_ns += 100 * kMs - 1;
  rescuer_.Work(DaemonFate::kAlive);
  EXPECT_EQ(Resumes(0), 0u);
  clock_.now_ns += 1;
  rescuer_.Work(DaemonFate::kAlive);
  rescuer_.Work(DaemonFate::kAlive);
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(StateOf(0), PauseState::kIdle);
  EXPECT_EQ(ledger_.guardian_resumes(), 1u);
}

TEST_F(RescuerTest, GrantsTheDaemonsOwnResumeCallItsGrace) {
  ledger_.slot(0).BeginResume(ArmGuest(0));
  clock_.now_ns += 349 * kMs;
  EXPECT_EQ(rescuer_.Work(DaemonFate::kAlive), clock_.now_ns + 1 * kMs);
  EXPECT_EQ(Resumes(0), 0u);
  clock_.now_ns += 1 * kMs;
  rescuer_.Work(DaemonFate::kAlive);
  EXPECT_EQ(Resumes(0), 1u);
}

TEST_F(RescuerTest, ResumesArmedAndResumingAtOnceWhenTheDaemonDies) {
  ArmGuest(0);
  ledger_.slot(1).BeginResume(ArmGuest(1));
  const PauseWord over = ArmGuest(2);
  ledger_.slot(2).BeginResume(over);
  ledger_.slot(2).Claim(ledger_.slot(2).Load());
  ledger_.slot(2).Settle(ledger_.slot(2).Load());
  rescuer_.Work(DaemonFate::kDying);
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(Resumes(1), 1u);
  EXPECT_EQ(Resumes(2), 0u) << "a pause that is over is not ours to end";
  EXPECT_TRUE(rescuer_.Finished());
}

TEST_F(RescuerTest, WaitsForAPauseCallInFlightBeforeItResumes) {
  std::atomic<int> step{0};
  std::thread pauser([&] {
    ledger_.slot(0).WriteTicket(testing::BoardTicket(0));
    EXPECT_TRUE(ledger_.slot(0).Arm(clock_.now_ns + 100 * kMs, clock_.now_ns).ok());
    step = 1;
    step.notify_all();
    step.wait(1);
  });
  step.wait(0);
  rescuer_.Work(DaemonFate::kDying);
  clock_.now_ns += 1 * kMs;
  rescuer_.Work(DaemonFate::kDying);
  EXPECT_EQ(Resumes(0), 0u);

  step = 2;
  step.notify_all();
  pauser.join();
  rescuer_.Work(DaemonFate::kDying);
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(StateOf(0), PauseState::kIdle);
}

TEST_F(RescuerTest, ResumesAgainAfterAPauseCallThatOutlastedTheWait) {
  std::atomic<int> step{0};
  std::thread pauser([&] {
    ledger_.slot(0).WriteTicket(testing::BoardTicket(0));
    EXPECT_TRUE(ledger_.slot(0).Arm(clock_.now_ns + 100 * kMs, clock_.now_ns).ok());
    step = 1;
    step.notify_all();
    step.wait(1);
  });
  step.wait(0);
  rescuer_.Work(DaemonFate::kDying);
  clock_.now_ns += 5 * kMs;
  rescuer_.Work(DaemonFate::kDying);
  EXPECT_EQ(Resumes(0), 1u) << "the guest may not stand for longer";
  rescuer_.Work(DaemonFate::kDying);
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_FALSE(rescuer_.Finished());

  step = 2;
  step.notify_all();
  pauser.join();
  rescuer_.Work(DaemonFate::kDying);
  EXPECT_EQ(Resumes(0), 2u) << "that call may have stopped the guest again";
  EXPECT_TRUE(rescuer_.Finished());
}

TEST_F(RescuerTest, RetriesAFailedResumeWithGrowingPauses) {
  ArmGuest(0);
  board_.guest(0).failures = 3;
  const std::uint64_t first_ns = rescuer_.Work(DaemonFate::kGone) - clock_.now_ns;
  clock_.now_ns += first_ns - 1;
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(board_.guest(0).attempts, 1u);
  clock_.now_ns += 1;
  const std::uint64_t second_ns = rescuer_.Work(DaemonFate::kGone) - clock_.now_ns;
  EXPECT_EQ(second_ns, 2 * first_ns);
  for (int i = 0; i < 2; ++i) {
    clock_.now_ns += 500 * kMs;
    rescuer_.Work(DaemonFate::kGone);
  }
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_TRUE(rescuer_.Finished());
}

TEST_F(RescuerTest, ReturnsToTheLedgerWhatItCannotResumeWithinThirtySeconds) {
  ArmGuest(0);
  board_.guest(0).failures = 1'000'000;
  int looks = 0;
  while (!rescuer_.Finished() && looks < 1000) {
    rescuer_.Work(DaemonFate::kGone);
    clock_.now_ns += 500 * kMs;
    ++looks;
  }
  EXPECT_TRUE(rescuer_.Finished());
  EXPECT_EQ(StateOf(0), PauseState::kClaimed);
  EXPECT_EQ(rescuer_.Work(DaemonFate::kGone), Rescuer::kNever);
}

TEST_F(RescuerTest, KeepsTryingForAsLongAsTheDaemonLives) {
  ArmGuest(0);
  board_.guest(0).failures = 200;
  for (int i = 0; i < 250; ++i) {
    clock_.now_ns += 500 * kMs;
    rescuer_.Work(DaemonFate::kAlive);
  }
  EXPECT_EQ(Resumes(0), 1u);
}

TEST_F(RescuerTest, SettlesForAGuestThatIsGone) {
  ArmGuest(0);
  board_.guest(0).gone = 1;
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(StateOf(0), PauseState::kIdle);
  EXPECT_EQ(board_.guest(0).attempts, 1u);
  EXPECT_EQ(ledger_.guardian_resumes(), 0u);
}

TEST_F(RescuerTest, OneGuestsFailureDoesNotKeepAnotherWaiting) {
  ArmGuest(0);
  ArmGuest(1);
  board_.guest(0).failures = 1;
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(Resumes(1), 1u);
}

TEST_F(RescuerTest, FinishesWhatAGuardianBeforeItHadClaimed) {
  ledger_.slot(0).Claim(ArmGuest(0));
  rescuer_.Work(DaemonFate::kAlive);
  EXPECT_EQ(Resumes(0), 1u);
}

TEST_F(RescuerTest, UsesADescriptorOnlyForTheConnectionItBelongsTo) {
  ArmGuest(0);
  ArmGuest(1);
  rescuer_.SetResumeFd(0, /*connection=*/0, UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  rescuer_.SetResumeFd(1, /*connection=*/5, UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(board_.guest(0).by_fd, 1u);
  EXPECT_EQ(board_.guest(1).by_fd, 0u);
  EXPECT_EQ(Resumes(1), 1u);
}

TEST_F(RescuerTest, TriesTheAddressWhenTheDescriptorFails) {
  ArmGuest(0);
  board_.guest(0).failures = 1;
  rescuer_.SetResumeFd(0, 0, UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(board_.guest(0).by_fd, 0u);
}

TEST_F(RescuerTest, DropsAPauseWhoseTicketIsDamaged) {
  ArmGuest(0);
  ledger_.slot(0).WriteTicket(ResumeTicket{});
  rescuer_.Work(DaemonFate::kGone);
  EXPECT_TRUE(rescuer_.Finished());
}

}  // namespace
}  // namespace stillframe
