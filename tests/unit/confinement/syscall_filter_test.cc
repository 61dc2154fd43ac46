#include "confinement/syscall_filter.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "confinement/filters.h"
#include "support/in_child.h"

namespace stillframe {
namespace {

class SyscallFilterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!CanFilterSystemCalls()) GTEST_SKIP() << "an instrumented build filters no system calls";
  }
};

constexpr int kGood = 0;
constexpr int kNotLoaded = 1;

// In a child: its exit status names the expectation that is broken.
#define FAIL_CHILD_UNLESS(number, condition) \
  if (!(condition)) return number

bool Refused(long result) { return result < 0 && errno == EPERM; }

TEST_F(SyscallFilterTest, WhatIsNotNamedFailsAndConditionsHold) {
  const int status = InChild([] {
    SyscallFilter filter(FilterMode::kEnforce);
    filter.Allow({"write", "exit_group"});
    filter.AllowIf("socket", {{0, 0xffff'ffff, AF_UNIX}});
    filter.PretendMissing("getppid");
    if (!filter.Load().ok()) return kNotLoaded;
    FAIL_CHILD_UNLESS(2, Refused(syscall(SYS_getuid)));
    FAIL_CHILD_UNLESS(3, socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    FAIL_CHILD_UNLESS(4, Refused(socket(AF_INET, SOCK_STREAM, 0)));
    FAIL_CHILD_UNLESS(5, syscall(SYS_getppid) < 0 && errno == ENOSYS);
    return kGood;
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kGood);
}

TEST_F(SyscallFilterTest, ThreadsThatRunAlreadyAreBoundToo) {
  const int status = InChild([] {
    int turn[2];
    if (pipe(turn) != 0) return 9;
    long result = 0;
    int error = 0;
    std::thread other([&] {
      char byte;
      static_cast<void>(!read(turn[0], &byte, 1));
      result = socket(AF_INET, SOCK_STREAM, 0);
      error = errno;
    });
    if (!FilterGuardian(FilterMode::kEnforce).ok()) return kNotLoaded;
    static_cast<void>(!write(turn[1], "x", 1));
    other.join();
    FAIL_CHILD_UNLESS(2, result < 0 && error == EPERM);
    return kGood;
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kGood);
}

TEST_F(SyscallFilterTest, WhatOnlyAnIntruderDoesEndsDaemonAndGatewayButNotTheGuardian) {
  using Filter = absl::Status (*)(FilterMode);
  const auto ptrace_under = [](Filter filter) {
    return InChild([filter] {
      if (!filter(FilterMode::kEnforce).ok()) return kNotLoaded;
      FAIL_CHILD_UNLESS(2, Refused(syscall(SYS_ptrace, 16, getppid(), 0, 0)));
      return kGood;
    });
  };
  for (const Filter filter : {&FilterStillframed, &FilterGateway}) {
    const int status = ptrace_under(filter);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_EQ(WTERMSIG(status), SIGSYS);
  }
  const int status = ptrace_under(&FilterGuardian);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kGood);
}

TEST_F(SyscallFilterTest, TheGatewayStartsNoProgram) {
  const int status = InChild([] {
    if (!FilterGateway(FilterMode::kEnforce).ok()) return kNotLoaded;
    execl("/bin/true", "true", nullptr);
    return 2;
  });
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

TEST_F(SyscallFilterTest, LoggedAndOffRefuseNothing) {
  for (const FilterMode mode : {FilterMode::kLog, FilterMode::kOff}) {
    const int status = InChild([mode] {
      if (!FilterGateway(mode).ok()) return kNotLoaded;
      execl("/bin/true", "true", nullptr);
      return 2;
    });
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

TEST_F(SyscallFilterTest, AnUnknownNameIsAnErrorOfLoading) {
  SyscallFilter filter(FilterMode::kEnforce);
  filter.Allow({"no_such_call"});
  EXPECT_EQ(filter.Load().message(), "filter the system call no_such_call: Invalid argument");
}

}  // namespace
}  // namespace stillframe
