// How long a guest stands after its daemon was killed.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "guardian_fixture.h"

namespace stillframe {
namespace {

using DeathLatencyTest = GuardianFixture;

TEST_F(DeathLatencyTest, TheGuestRunsMillisecondsAfterTheKill) {
  std::vector<double> latencies_ms;
  for (std::size_t guest = 0; guest < testing::ResumeBoard::kGuests; ++guest) {
    auto daemon = StartDaemon();
    ASSERT_EQ(daemon->Ask(fmt::format("arm {} 60000", guest)), "OK");
    const std::uint64_t killed_ns = daemon->Kill();
    ASSERT_TRUE(daemon->GuardianEnds());
    ASSERT_EQ(board_.guest(guest).attempts, 1u);
    latencies_ms.push_back(static_cast<double>(board_.guest(guest).resumed_ns - killed_ns) /
                           kNsPerMs);
  }
  std::sort(latencies_ms.begin(), latencies_ms.end());
  const double median_ms = latencies_ms[latencies_ms.size() / 2];
  fmt::print("SIGKILL to resume: median {:.3f} ms, worst of {} {:.3f} ms\n", median_ms,
             latencies_ms.size(), latencies_ms.back());
  EXPECT_LT(median_ms, 10.0);
}

TEST_F(DeathLatencyTest, DoesNotWaitForTheDaemonsMemoryToBeTornDown) {
  auto daemon = StartDaemon();
  ASSERT_EQ(daemon->Ask("hold 2304"), "OK");
  ASSERT_EQ(daemon->Ask("arm 0 60000"), "OK");
  const std::uint64_t killed_ns = daemon->Kill();
  const std::uint64_t eof_ns = daemon->AwaitEof();
  ASSERT_TRUE(daemon->GuardianEnds());
  ASSERT_EQ(board_.guest(0).attempts, 1u);
  const double resumed_ms = static_cast<double>(board_.guest(0).resumed_ns - killed_ns) / kNsPerMs;
  const double eof_ms = static_cast<double>(eof_ns - killed_ns) / kNsPerMs;
  fmt::print("daemon with 2304 MiB mapped: SIGKILL to resume {:.3f} ms, to EOF {:.3f} ms\n",
             resumed_ms, eof_ms);
  EXPECT_LT(resumed_ms, eof_ms);
}

}  // namespace
}  // namespace stillframe
