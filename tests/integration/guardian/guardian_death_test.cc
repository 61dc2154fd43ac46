// The guardian dies, alone or together with its daemon.

#include <csignal>

#include "guardian_fixture.h"

namespace stillframe {
namespace {

using GuardianDeathTest = GuardianFixture;

TEST_F(GuardianDeathTest, AnotherIsStartedAndKnowsTheGuests) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  daemon->KillGuardian();
  EXPECT_TRUE(daemon->GuardianEnds());
  ASSERT_TRUE(
      Eventually([&] { return daemon->Ask("stats") == "0 1" && daemon->FindGuardian() > 0; }));
  EXPECT_EQ(Resumes(0), 0u) << "the pause goes on";
  daemon->Kill();
  EXPECT_TRUE(daemon->GuardianEnds());
  EXPECT_EQ(board_.guest(0).attempts, 1u);
  EXPECT_EQ(board_.guest(0).by_fd, 1u);
}

TEST_F(GuardianDeathTest, NothingIsArmedUntilAnotherIsReady) {
  auto daemon = StartDaemon();
  board_.guardians_barred() = 1;
  daemon->KillGuardian();
  ASSERT_TRUE(Eventually([&] { return daemon->Ask("guardian") == "-1"; }));
  EXPECT_EQ(daemon->Ask("arm 0 60000"), "UNAVAILABLE");
  board_.guardians_barred() = 0;
  EXPECT_TRUE(Eventually([&] { return daemon->Ask("arm 0 60000") == "OK"; }));
  daemon->FindGuardian();
}

TEST_F(GuardianDeathTest, BothKilledIsRecoveredAtTheNextStart) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  ASSERT_EQ(daemon->Ask("arm 1 60000"), "OK");
  ASSERT_EQ(daemon->Ask("disarm 1"), "OK");
  daemon->Signal(SIGSTOP);  // so that it cannot start another
  daemon->KillGuardian();
  ASSERT_TRUE(daemon->GuardianEnds());
  daemon->Kill();
  daemon->AwaitEof();
  EXPECT_EQ(Resumes(0), 0u);

  auto successor = StartDaemon();
  EXPECT_EQ(successor->greeting(), "ready 1");
  EXPECT_EQ(Resumes(0), 1u);
  EXPECT_EQ(board_.guest(1).attempts, 0u);
}

TEST_F(GuardianDeathTest, WhatTheNextStartCannotResumeItsGuardianDoes) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("arm 0 1000"), "OK");
  daemon->Signal(SIGSTOP);
  daemon->KillGuardian();
  ASSERT_TRUE(daemon->GuardianEnds());
  daemon->Kill();
  daemon->AwaitEof();

  board_.guest(0).failures = 3;
  auto successor = StartDaemon();
  EXPECT_EQ(successor->greeting(), "ready 1");
  EXPECT_TRUE(Eventually([&] { return Resumes(0) == 1; }));
  EXPECT_EQ(board_.guest(0).attempts, 4u);
}

TEST_F(GuardianDeathTest, SignalsMeantForTheDaemonDoNotEndIt) {
  auto daemon = StartDaemon();
  const pid_t guardian = daemon->FindGuardian();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ASSERT_EQ(kill(guardian, signal), 0);
  ASSERT_EQ(daemon->Ask("arm 0 20"), "OK");
  EXPECT_TRUE(Eventually([&] { return Resumes(0) == 1; }));
  EXPECT_EQ(daemon->FindGuardian(), guardian);
}

}  // namespace
}  // namespace stillframe
