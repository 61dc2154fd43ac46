#include "guest/qemu/run_state.h"

#include "gtest/gtest.h"

namespace stillframe {
namespace {

TEST(QemuRunStateTest, OnlyARunningGuestIsOursToStop) {
  EXPECT_EQ(StateOf("running").motion, QemuMotion::kRunning);
  for (const char* standing : {"paused", "prelaunch", "postmigrate", "suspended", "io-error",
                               "watchdog", "debug", "shutdown", "guest-panicked"}) {
    EXPECT_EQ(StateOf(standing).motion, QemuMotion::kStanding) << standing;
  }
}

TEST(QemuRunStateTest, KeepsHandsOffWhatQemuIsAboutToChangeItself) {
  for (const char* moving :
       {"inmigrate", "finish-migrate", "save-vm", "restore-vm", "colo", "", "a state of QEMU 99"}) {
    EXPECT_EQ(StateOf(moving).motion, QemuMotion::kInTransfer) << moving;
  }
}

TEST(QemuRunStateTest, TellsCrashesFromShutdowns) {
  EXPECT_EQ(StateOf("guest-panicked").run_state, RunState::kCrashed);
  EXPECT_EQ(StateOf("shutdown").run_state, RunState::kShutDown);
}

}  // namespace
}  // namespace stillframe
