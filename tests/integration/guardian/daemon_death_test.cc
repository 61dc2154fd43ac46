// The daemon dies or hangs in each way; its guardian resumes its guests, once each.

#include <csignal>

#include "guardian_fixture.h"

namespace stillframe {
namespace {

class DaemonDeathTest : public GuardianFixture {
 protected:
  // After the daemon's end: guest 0 was resumed exactly once, and nobody is left.
  void ExpectOneResume(testing::ScenarioDaemon& daemon) {
    EXPECT_TRUE(Eventually([&] { return Resumes(0) > 0; }));
    EXPECT_TRUE(daemon.GuardianEnds());
    EXPECT_EQ(board_.guest(0).attempts, 1u);
  }
};

TEST_F(DaemonDeathTest, KilledWhileArmed) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->greeting(), "ready 0");
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  daemon->Kill();
  ExpectOneResume(*daemon);
  EXPECT_EQ(board_.guest(0).by_fd, 1u) << "the guest's descriptor reached the guardian";
}

TEST_F(DaemonDeathTest, KilledWhileResuming) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  ASSERT_EQ(daemon->Ask("begin 0"), "OK");
  daemon->Kill();
  ExpectOneResume(*daemon);
}

TEST_F(DaemonDeathTest, CrashedWhileArmed) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  daemon->Tell("segv");
  ExpectOneResume(*daemon);
}

TEST_F(DaemonDeathTest, ExitedWhileArmed) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  daemon->Tell("exit");
  ExpectOneResume(*daemon);
}

TEST_F(DaemonDeathTest, StoppedWhileArmedIsOverruledAtTheDeadlineAndToldSo) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 50"), "OK");
  daemon->Signal(SIGSTOP);
  EXPECT_TRUE(Eventually([&] { return Resumes(0) > 0; }));
  daemon->Signal(SIGCONT);
  EXPECT_EQ(daemon->Ask("begin 0"), "OK");
  EXPECT_EQ(daemon->Ask("disarm 0"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(daemon->Ask("stats"), "1 0");
  EXPECT_EQ(daemon->Ask("arm 0 60000"), "OK") << "the next pause is a new one";
  EXPECT_EQ(daemon->Ask("disarm 0"), "OK");
  EXPECT_EQ(board_.guest(0).attempts, 1u);
}

TEST_F(DaemonDeathTest, HangsInItsResumeCall) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 1"), "OK");
  // Arm and begin race with a deadline of 1 ms; either way the guest must run again, once.
  ASSERT_EQ(daemon->Ask("begin 0"), "OK");
  EXPECT_TRUE(Eventually([&] { return Resumes(0) > 0; }));
  EXPECT_EQ(daemon->Ask("disarm 0"), "DEADLINE_EXCEEDED");
  EXPECT_EQ(board_.guest(0).attempts, 1u);
}

TEST_F(DaemonDeathTest, GuardDestroyedWhileArmedLeavesThePauseToTheGuardian) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 20"), "OK");
  ASSERT_EQ(daemon->Ask("drop 0"), "OK");
  EXPECT_TRUE(Eventually([&] { return Resumes(0) == 1; }));
  EXPECT_EQ(daemon->Ask("arm 0 60000"), "OK");
  EXPECT_EQ(daemon->Ask("disarm 0"), "OK");
}

TEST_F(DaemonDeathTest, ResumesEveryGuestThatStandsAndNoOther) {
  auto daemon = StartDaemon();
  for (const char* command : {"arm 0 60000", "arm 1 60000", "arm 2 60000", "disarm 2"}) {
    ASSERT_EQ(daemon->Ask(command), "OK");
  }
  daemon->Kill();
  EXPECT_TRUE(daemon->GuardianEnds());
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(Resumes(1), 1u);
  EXPECT_EQ(board_.guest(2).attempts, 0u) << "an operator may have paused it since";
}

TEST_F(DaemonDeathTest, IdleDaemonsGuardianEndsWithItAndFreesTheLedger) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  ASSERT_EQ(daemon->Ask("disarm 0"), "OK");
  daemon->Kill();
  ASSERT_TRUE(daemon->GuardianEnds());
  EXPECT_EQ(board_.guest(0).attempts, 0u);
  EXPECT_EQ(StartDaemon()->greeting(), "ready 0");
}

TEST_F(DaemonDeathTest, SuccessorWaitsUntilTheGuardianHasFinished) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  board_.guest(0).failures = 10;  // five rounds, each by descriptor and by address
  daemon->Kill();
  daemon->AwaitEof();
  auto successor = StartDaemon();
  EXPECT_EQ(successor->greeting(), "ready 0");
  EXPECT_EQ(Resumes(0), 1u);
}

TEST_F(DaemonDeathTest, SecondDaemonIsRefused) {
  auto daemon = StartDaemon();
  auto second = StartDaemon();
  EXPECT_TRUE(second->greeting().starts_with("ALREADY_EXISTS")) << second->greeting();
  EXPECT_NE(second->greeting().find(std::to_string(daemon->pid())), std::string::npos);
}

}  // namespace
}  // namespace stillframe
