// Daemon, guardian and gateway as the kernel sees them, once they serve.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "confinement/syscall_filter.h"
#include "integration/stack/sim_stack.h"
#include "support/eventually.h"
#include "support/process_tree.h"
#include "support/vm_flags.h"

namespace stillframe {
namespace {

using testing::HasSubstr;

class ConfinementTest : public SimStackTest {
 protected:
  // Of simulated guests alone, which need next to nothing.
  void Start(const std::vector<std::string>& guest = {"--ram-mib", "64"},
             const std::string& defaults = "period_ms = 50\n") {
    guest_ = StartGuest("web1", guest);
    ASSERT_NE(guest_, nullptr);
    StackSetup setup;
    setup.backends =
        fmt::format("qemu_qmp_globs = []\nxen = \"never\"\nsim_directory = \"{}\"", guests_.path());
    setup.defaults = defaults;
    auto stack = Stack::Start(setup);
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  }

  pid_t guardian() { return ChildNamed(stack_->daemon().pid(), "sf-guardian"); }

  std::uint64_t LatestGeneration() {
    const auto guest = remote().GetGuest("web1");
    return guest.ok() ? guest->latest_generation() : 0;
  }

  std::unique_ptr<SimProcess> guest_;
};

// A field of /proc/PID/status.
std::string StatusOfProcess(pid_t pid, const std::string& field) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return line.substr(line.find('\t') + 1);
  }
  return "";
}

TEST_F(ConfinementTest, AllThreeAreFilteredAndGainNothingByPrograms) {
  if (!CanFilterSystemCalls()) GTEST_SKIP() << "an instrumented build filters no system calls";
  Start();
  for (const pid_t pid : {stack_->daemon().pid(), guardian(), stack_->gateway().pid()}) {
    EXPECT_EQ(StatusOfProcess(pid, "Seccomp"), "2") << pid;
    EXPECT_EQ(StatusOfProcess(pid, "NoNewPrivs"), "1") << pid;
  }
}

TEST_F(ConfinementTest, TheDaemonHasOnlyWhatItsBackendsNeed) {
  Start();
  // The guardian's, should it not be in the unit's limits: SYS_RESOURCE, SYS_NICE and IPC_LOCK.
  constexpr std::uint64_t kForGuardian = 1 << 24 | 1 << 23 | 1 << 14;
  for (const pid_t pid : {stack_->daemon().pid(), guardian()}) {
    for (const char* const set : {"CapPrm", "CapEff", "CapInh", "CapAmb"}) {
      EXPECT_EQ(std::stoull(StatusOfProcess(pid, set), nullptr, 16) & ~kForGuardian, 0u)
          << pid << " " << set;
    }
  }
}

TEST_F(ConfinementTest, AGuardianStartedByAFilteredDaemonServes) {
  Start();
  const pid_t first = guardian();
  ASSERT_GT(first, 0);
  ASSERT_EQ(kill(first, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return guardian() > 0 && guardian() != first; }));
  // Captures are refused while there is none, so a new generation says that it is ready.
  const std::uint64_t before = LatestGeneration();
  EXPECT_TRUE(Eventually([&] { return LatestGeneration() > before + 1; }))
      << stack_->daemon().Log();
  if (CanFilterSystemCalls()) EXPECT_EQ(StatusOfProcess(guardian(), "Seccomp_filters"), "2");
}

// ... and a pause that the new guardian has to end is ended.
TEST_F(ConfinementTest, AFilteredGuardianResumesTheGuestOfADeadDaemon) {
  Start({"--ram-mib", "256", "--workload", "sequential", "--window-pages", "65536"},
        "period_ms = 20\npause_budget_ms = 0\ndowntime_percent_max = 0\n");
  const pid_t first = guardian();
  ASSERT_EQ(kill(first, SIGKILL), 0);
  const std::uint64_t before = LatestGeneration();
  ASSERT_TRUE(Eventually([&] { return LatestGeneration() > before + 1; }))
      << stack_->daemon().Log();
  ASSERT_TRUE(Eventually([&] { return guest_->status().paused.load() != 0; }));
  stack_->daemon().Signal(SIGSYS);  // as a refused call would end it
  stack_->daemon().Wait();
  EXPECT_TRUE(Eventually([&] { return guest_->status().paused.load() == 0; }));
}

TEST_F(ConfinementTest, NoProcessWouldDumpPages) {
  Start();
  auto local = Connection::Open(stack_->local_target());
  ASSERT_TRUE(local.ok()) << local.status();
  v1::SnapshotSelector newest;
  newest.set_guest("web1");
  const auto here = (*local)->OpenSnapshot(newest);
  ASSERT_TRUE(here.ok()) << here.status();
  const auto there = remote().OpenSnapshot(newest);
  ASSERT_TRUE(there.ok()) << there.status();
  std::vector<std::byte> bytes(kPageBytes);
  ASSERT_TRUE((*there)->ReadAt(0, bytes).ok());
  const std::pair<const char*, std::string> processes[] = {
      {"the daemon", std::to_string(stack_->daemon().pid())},
      {"the gateway", std::to_string(stack_->gateway().pid())},
      {"a local reader", "self"}};
  for (const auto& [who, pid] : processes) {
    const auto arena = MappingsNamed(pid, "/memfd:stillframe-arena");
    EXPECT_FALSE(arena.empty()) << who;
    for (const auto& mapping : MappingsNamed(pid, "/memfd:")) {
      EXPECT_TRUE(mapping.Has("dd")) << who << ": " << mapping.name << mapping.flags;
      if (pid != processes[0].second)
        EXPECT_FALSE(mapping.Has("wr")) << who << ": " << mapping.name;
    }
  }
}

class GatewayPrivilegesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "changes its user: run as root";
    ASSERT_EQ(chmod(directory_.path().c_str(), 0777), 0);
  }

  // Runs `command` before the gateway's own arguments; its output.
  std::unique_ptr<ChildProcess> StartBy(std::vector<std::string> command,
                                        const std::vector<std::string>& more = {}) {
    for (const std::string& word : {std::string(STILLFRAME_GATEWAY), std::string("--listen"),
                                    "unix:" + directory_.path() + "/gateway.sock"}) {
      command.push_back(word);
    }
    command.insert(command.end(), more.begin(), more.end());
    auto gateway = ChildProcess::Start(command, directory_.path() + "/log");
    EXPECT_TRUE(gateway.ok()) << gateway.status();
    return gateway.ok() ? *std::move(gateway) : nullptr;
  }

  static void ExpectRefused(ChildProcess& gateway, const std::string& why) {
    const int status = gateway.Wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << status;
    EXPECT_THAT(gateway.Log(), HasSubstr(why));
    EXPECT_THAT(gateway.Log(), HasSubstr("--allow-privileges"));
  }

  TempDirectory directory_;
  const std::vector<std::string> as_nobody_ = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
                                               "--clear-groups"};
};

TEST_F(GatewayPrivilegesTest, RefusesToRunAsRootUnlessTold) {
  ExpectRefused(*StartBy({}), "its user is root; it has capabilities: CAP_CHOWN");
  const auto told = StartBy({}, {"--allow-privileges"});
  EXPECT_TRUE(Eventually([&] { return told->Log().find("listening on") != std::string::npos; }));
  EXPECT_THAT(told->Log(), HasSubstr("runs with more than it needs, as allowed: its user is root"));
}

TEST_F(GatewayPrivilegesTest, RunsAsAnOrdinaryUser) {
  const auto gateway = StartBy(as_nobody_);
  EXPECT_TRUE(Eventually([&] { return gateway->Log().find("listening on") != std::string::npos; }))
      << gateway->Log();
  EXPECT_EQ(StatusOfProcess(gateway->pid(), "CapPrm"), "0000000000000000");
  if (CanFilterSystemCalls()) EXPECT_EQ(StatusOfProcess(gateway->pid(), "Seccomp"), "2");
}

TEST_F(GatewayPrivilegesTest, RefusesACapability) {
  std::vector<std::string> with_one = as_nobody_;
  with_one.insert(with_one.end(), {"--inh-caps=+net_raw", "--ambient-caps=+net_raw"});
  ExpectRefused(*StartBy(with_one), "it has capabilities: CAP_NET_RAW");
}

TEST_F(GatewayPrivilegesTest, RefusesADeviceThatIsOpen) {
  const std::string device = "/dev/loop-control";
  if (access(device.c_str(), R_OK) != 0) GTEST_SKIP() << "this host has no " << device;
  std::vector<std::string> with_device = {"/bin/sh", "-c", "exec 7<" + device + "; exec \"$@\"",
                                          "sh"};
  with_device.insert(with_device.end(), as_nobody_.begin(), as_nobody_.end());
  ExpectRefused(*StartBy(with_device), "its descriptor 7 is open on the device 10:237");
}

}  // namespace
}  // namespace stillframe
