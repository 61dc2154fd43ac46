// stillframed is killed inside the pause window, at many points of it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "integration/stack/sim_stack.h"
#include "support/eventually.h"
#include "support/process_tree.h"

namespace stillframe {
namespace {

using DaemonDeathTest = SimStackTest;

// Captured often, with pauses that are long enough to be hit.
const std::string kLongPauses = "period_ms = 20\npause_budget_ms = 0\ndowntime_percent_max = 0\n";

// Spins: the pause lasts some ten milliseconds, and a sleep would miss its beginning.
bool SpinUntilPaused(const sim::StatusPage& status, std::uint64_t timeout_ns) {
  const std::uint64_t end_ns = Clock::System().MonotonicNs() + timeout_ns;
  while (status.paused.load() == 0) {
    if (Clock::System().MonotonicNs() > end_ns) return false;
  }
  return true;
}

void SpinFor(std::uint64_t ns) {
  const std::uint64_t end_ns = Clock::System().MonotonicNs() + ns;
  while (Clock::System().MonotonicNs() < end_ns) {
  }
}

TEST_F(DaemonDeathTest, AKilledDaemonNeverLeavesTheGuestPaused) {
  constexpr int kPoints = 24;
  const auto guest = StartGuest("web1", {"--ram-mib", "256", "--vcpus", "2", "--workload",
                                         "sequential", "--window-pages", "65536"});
  ASSERT_NE(guest, nullptr);
  // Room for the generation that the reader holds, the newest and the next: each of the whole
  // guest.
  StartStack(kLongPauses + "generations_max = 2\narena_bytes_max = 1_073_741_824\n");
  std::string epoch;
  std::vector<double> latencies_ms;
  for (int point = 0; point < kPoints; ++point) {
    const auto next = stack_->AwaitEpochAfter("web1", epoch);
    ASSERT_TRUE(next.ok()) << next.status();
    epoch = *next;

    // A reader on this host holds a generation across the daemon's death.
    auto local = Connection::Open(stack_->local_target());
    ASSERT_TRUE(local.ok()) << local.status();
    auto held = (*local)->OpenSnapshot(Select("web1"));
    ASSERT_TRUE(held.ok()) << held.status();
    std::vector<std::byte> before(1 << 20), after(1 << 20);
    ASSERT_TRUE((*held)->ReadAt(4096, before).ok());

    ASSERT_TRUE(SpinUntilPaused(guest->status(), 10'000'000'000ull)) << stack_->daemon().Log();
    SpinFor(static_cast<std::uint64_t>(point) * 400'000);
    const std::uint64_t killed_ns = Clock::System().MonotonicNs();
    stack_->daemon().Signal(SIGKILL);
    ASSERT_TRUE(Eventually([&] { return guest->status().paused.load() == 0; }))
        << "stranded at point " << point;
    const std::uint64_t resumed_ns = guest->status().resume_ns.load();
    if (resumed_ns > killed_ns) {
      latencies_ms.push_back(static_cast<double>(resumed_ns - killed_ns) / 1e6);
    }
    EXPECT_TRUE(WIFSIGNALED(stack_->daemon().Wait()));
    const std::uint64_t work = guest->status().work[0].load();
    ASSERT_TRUE(Eventually([&] { return guest->status().work[0].load() > work; }));

    const absl::Status read = (*held)->ReadAt(4096, after);
    EXPECT_TRUE(read.ok()) << read;
    EXPECT_EQ(before, after);
    held->reset();
    ASSERT_TRUE(stack_->StartDaemon().ok());
  }
  const auto last = stack_->AwaitEpochAfter("web1", epoch);
  ASSERT_TRUE(last.ok()) << last.status();
  const auto snapshot = remote().Capture("web1");
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();

  ASSERT_FALSE(latencies_ms.empty());
  std::sort(latencies_ms.begin(), latencies_ms.end());
  const double median_ms = latencies_ms[latencies_ms.size() / 2];
  std::printf(
      "killed in the pause %zu of %d times: the guest ran again after %.2f ms (median), "
      "%.2f ms (longest)\n",
      latencies_ms.size(), kPoints, median_ms, latencies_ms.back());
  EXPECT_LT(median_ms, 10.0);
}

TEST_F(DaemonDeathTest, BothKilledAreRecoveredByTheNextStart) {
  const auto guest = StartGuest(
      "web1", {"--ram-mib", "256", "--workload", "sequential", "--window-pages", "65536"});
  ASSERT_NE(guest, nullptr);
  StartStack(kLongPauses + "generations_max = 2\npause_deadline_ms = 5000");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  // Everything stops in the pause, so that both can be killed while the guest is paused.
  const pid_t guardian = ChildNamed(stack_->daemon().pid(), "sf-guardian");
  ASSERT_GT(guardian, 0);
  ASSERT_TRUE(SpinUntilPaused(guest->status(), 10'000'000'000ull));
  kill(guardian, SIGKILL);
  stack_->daemon().Signal(SIGKILL);
  stack_->daemon().Wait();
  const bool stranded = guest->status().paused.load() != 0;
  ASSERT_TRUE(stack_->StartDaemon().ok());
  EXPECT_TRUE(Eventually([&] { return guest->status().paused.load() == 0; }));
  EXPECT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
  std::printf("the guest was %s before the restart\n", stranded ? "paused" : "running");
}

TEST_F(DaemonDeathTest, ADaemonThatStopsInThePauseLosesItToTheGuardian) {
  const auto guest = StartGuest(
      "web1", {"--ram-mib", "256", "--workload", "sequential", "--window-pages", "65536"});
  ASSERT_NE(guest, nullptr);
  StartStack(kLongPauses + "generations_max = 2\npause_deadline_ms = 100");
  ASSERT_TRUE(stack_->AwaitEpochAfter("web1", "").ok());
  ASSERT_TRUE(SpinUntilPaused(guest->status(), 10'000'000'000ull));
  stack_->daemon().Signal(SIGSTOP);
  EXPECT_TRUE(Eventually([&] { return guest->status().paused.load() == 0; }));
  stack_->daemon().Signal(SIGCONT);
  const auto snapshot = remote().Capture("web1");
  EXPECT_TRUE(snapshot.ok()) << snapshot.status();
}

}  // namespace
}  // namespace stillframe
