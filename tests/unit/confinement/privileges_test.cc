#include "confinement/privileges.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "support/in_child.h"

namespace stillframe {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr CapabilitySet Bit(unsigned capability) { return CapabilitySet{1} << capability; }

constexpr uid_t kNobody = 65534;

// Exit statuses of children.
constexpr int kYes = 0;
constexpr int kNo = 1;
constexpr int kError = 2;

TEST(PrivilegesTest, NamesCapabilitiesAsTheManualDoes) {
  EXPECT_EQ(NamesOf(0), "none");
  EXPECT_EQ(NamesOf(Bit(CAP_CHOWN) | Bit(CAP_SYS_PTRACE)), "CAP_CHOWN, CAP_SYS_PTRACE");
  EXPECT_EQ(NamesOf(Bit(CAP_LAST_CAP)), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(NamesOf(Bit(63)), "63");
}

TEST(PrivilegesTest, EachBackendNeedsWhatItUses) {
  EXPECT_EQ(NamesOf(NeededByStillframed({})), "CAP_SYS_RESOURCE");
  EXPECT_EQ(NamesOf(NeededByStillframed({.qemu = true})),
            "CAP_DAC_OVERRIDE, CAP_SYS_PTRACE, CAP_SYS_RESOURCE");
  EXPECT_EQ(NamesOf(NeededByStillframed({.xen = true})), "CAP_DAC_OVERRIDE, CAP_SYS_RESOURCE");
}

class RootPrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto held = HeldCapabilities();
    ASSERT_TRUE(held.ok()) << held.status();
    if (getuid() != 0 || (*held & Bit(CAP_SETUID)) == 0) GTEST_SKIP() << "needs root to give up";
  }
};

// What a child says of `excess`: kYes if it names `sentence`, or is empty where that is.
int Judge(const absl::StatusOr<std::vector<std::string>>& excess, const std::string& sentence) {
  if (!excess.ok()) return kError;
  if (sentence.empty()) return excess->empty() ? kYes : kNo;
  for (const std::string& found : *excess) {
    if (found.find(sentence) != std::string::npos) return kYes;
  }
  return kNo;
}

bool BecomeNobody() {
  return setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0;
}

TEST_F(RootPrivilegesTest, RootIsTooMuchForTheGateway) {
  const auto excess = ExcessOfGateway();
  ASSERT_TRUE(excess.ok()) << excess.status();
  EXPECT_THAT(*excess, Contains("its user is root"));
  EXPECT_THAT(*excess, Contains(HasSubstr("it has capabilities: ")));
}

TEST_F(RootPrivilegesTest, AnOrdinaryUserIsNot) {
  const int status = InChild([] { return BecomeNobody() ? Judge(ExcessOfGateway(), "") : kError; });
  EXPECT_EQ(WEXITSTATUS(status), kYes);
}

TEST_F(RootPrivilegesTest, OneCapabilityIs) {
  const int status = InChild([] {
    prctl(PR_SET_KEEPCAPS, 1);
    return BecomeNobody() ? Judge(ExcessOfGateway(), "CAP_NET_ADMIN") : kError;
  });
  EXPECT_EQ(WEXITSTATUS(status), kYes);
}

TEST_F(RootPrivilegesTest, AnOpenDeviceIs) {
  const char* const device = "/dev/loop-control";
  if (access(device, R_OK) != 0) GTEST_SKIP() << "this host has no " << device;
  const int status = InChild([device] {
    if (open(device, O_RDONLY) < 0 || !BecomeNobody()) return kError;
    return Judge(ExcessOfGateway(), "is open on the device 10:237");
  });
  EXPECT_EQ(WEXITSTATUS(status), kYes);
}

// Where limits cannot be raised, two more stay.
constexpr CapabilitySet kForGuardian = Bit(CAP_SYS_NICE) | Bit(CAP_IPC_LOCK);

TEST_F(RootPrivilegesTest, WhatIsGivenUpIsGoneForThisProcessAndForProgramsItStarts) {
  const CapabilitySet keep = Bit(CAP_DAC_OVERRIDE);
  const int status = InChild([keep] {
    if (!GiveUpAllBut(keep, "").ok()) return kError;
    const auto held = HeldCapabilities();
    if (!held.ok() || (*held & ~kForGuardian) != keep) return kNo;
    // A program of root gets all that is in the bounding set, were it not for no_new_privs.
    execl("/bin/sh", "sh", "-c",
          "for set in CapPrm CapBnd; do grep -Eq \"$set:.0{10}[08]0[04]002$\" "
          "/proc/self/status || exit 1; done",
          nullptr);
    return kError;
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kYes);
}

TEST_F(RootPrivilegesTest, ADaemonOfAnOrdinaryUserHasNothingToGiveUp) {
  const int status = InChild(
      [] { return BecomeNobody() && GiveUpAllBut(0, "no-such-group").ok() ? kYes : kError; });
  EXPECT_EQ(WEXITSTATUS(status), kYes);
}

}  // namespace
}  // namespace stillframe
