// The product as a whole on a Linux guest under QEMU; one boot serves all tests.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "support/booted_qemu_test.h"
#include "support/eventually.h"
#include "support/judge_snapshot.h"
#include "support/stack.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kQmpTimeout{10'000};

class QemuStackTest : public BootedQemuTest {
 protected:
  static void SetUpTestSuite() {
    QemuSetup setup;
    setup.torn_mib = 32;
    Boot(setup);
  }

  void StartStack(const std::string& defaults) {
    StackSetup setup;
    setup.backends = fmt::format("qemu_qmp_globs = [\"{}\"]", qemu_->qmp_path());
    setup.defaults = defaults;
    auto stack = Stack::Start(setup);
    ASSERT_TRUE(stack.ok()) << stack.status();
    stack_ = *std::move(stack);
    ASSERT_TRUE(Eventually([this] {
      const auto guests = stack_->remote().ListGuests();
      if (!guests.ok() || guests->size() != 1) return false;
      name_ = (*guests)[0].name();
      return !(*guests)[0].epoch().empty();
    })) << stack_->daemon().Log();
  }

  std::string Status() {
    const auto status = qemu_->ObservedStatus();
    return status.ok() ? *status : status.status().ToString();
  }

  // What QEMU itself says is in guest memory.
  std::vector<std::byte> MemoryByQemu(std::uint64_t address, std::uint64_t bytes) {
    const std::string path = stack_->directory() + "/pmemsave";
    const auto saved = qemu_->observer().Execute(
        "pmemsave", {{"val", address}, {"size", bytes}, {"filename", path}}, kQmpTimeout);
    EXPECT_TRUE(saved.ok()) << saved.status();
    std::vector<std::byte> memory(bytes);
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(memory.data()), static_cast<std::streamsize>(bytes));
    return memory;
  }

  std::unique_ptr<Stack> stack_;
  std::string name_;
};

TEST_F(QemuStackTest, AFullSnapshotReadRemotelyEqualsWhatQemuSays) {
  StartStack("period_ms = 0");
  ASSERT_TRUE(qemu_->observer().Execute("stop", nullptr, kQmpTimeout).ok());
  const auto snapshot = stack_->remote().Capture(name_);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ(Status(), "paused") << "an operator's stop stays in force";

  auto reader = stack_->remote().OpenSnapshot(Select(name_, snapshot->generation()));
  ASSERT_TRUE(reader.ok()) << reader.status();
  const v1::Snapshot& metadata = (*reader)->metadata();
  EXPECT_EQ(metadata.pages_present() + metadata.pages_zero() + metadata.pages_absent(),
            metadata.page_count());
  std::uint64_t compared = 0, wrong = 0;
  for (const v1::MemoryRegion& region : metadata.memory_regions()) {
    const bool readable =
        region.kind() == v1::MemoryRegion::KIND_RAM || region.kind() == v1::MemoryRegion::KIND_ROM;
    if (!readable) continue;
    const GfnRange range{Gfn{region.first_gfn()}, region.page_count()};
    const auto memory = MemoryByQemu(range.first.address(), range.bytes());
    const std::vector<GfnRange> ranges = {range};
    const absl::Status read =
        (*reader)->ReadPages(ranges, EmptyRuns::kReport, [&](const PageRun& run) {
          for (std::uint64_t i = 0; i < run.range.pages; ++i) {
            const std::byte* truth =
                memory.data() + ((run.range.first.value + i - range.first.value) << kPageShift);
            static const std::vector<std::byte> zeros(kPageBytes);
            const std::byte* ours = run.status == v1::PAGE_STATUS_PRESENT
                                        ? run.bytes.data() + (i << kPageShift)
                                        : zeros.data();
            EXPECT_TRUE(run.status == v1::PAGE_STATUS_PRESENT ||
                        run.status == v1::PAGE_STATUS_ZERO);
            ++compared;
            if (std::memcmp(truth, ours, kPageBytes) != 0) ++wrong;
          }
          return absl::OkStatus();
        });
    ASSERT_TRUE(read.ok()) << read;
  }
  EXPECT_GT(compared, 60'000u);
  EXPECT_EQ(wrong, 0u);
  ASSERT_TRUE(qemu_->observer().Execute("cont", nullptr, kQmpTimeout).ok());
}

TEST_F(QemuStackTest, TwentyGenerationsAreEachOfOneInstant) {
  StartStack("period_ms = 100\ngenerations_max = 40");
  WatchOptions options;
  options.guest = name_;
  options.from_generation = 1;
  auto watch = stack_->remote().Watch(options);
  ASSERT_TRUE(watch.ok()) << watch.status();
  for (int judged = 0; judged < 20;) {
    const auto event = (*watch)->Next();
    ASSERT_TRUE(event.ok()) << event.status();
    if (!event->has_published()) continue;
    const std::uint64_t generation = event->published().generation();
    auto reader = stack_->remote().OpenSnapshot(Select(name_, generation));
    if (absl::IsOutOfRange(reader.status())) continue;  // reading the one before took longer
    ASSERT_TRUE(reader.ok()) << reader.status();
    const TornVerdict verdict = JudgeTornPages(**reader);
    EXPECT_TRUE(verdict.consistent) << generation << ": " << verdict.reason;
    EXPECT_EQ(verdict.pages, 8192u);
    ++judged;
  }
}

TEST_F(QemuStackTest, AKilledDaemonNeverLeavesTheGuestStopped) {
  constexpr int kPoints = 10;
  StartStack("period_ms = 30\ngenerations_max = 2");
  std::string epoch;
  std::vector<double> latencies_ms;
  for (int point = 0; point < kPoints; ++point) {
    const auto next = stack_->AwaitEpochAfter(name_, epoch);
    ASSERT_TRUE(next.ok()) << next.status();
    epoch = *next;
    ASSERT_TRUE(Eventually([this] { return Status() == "paused"; })) << stack_->daemon().Log();
    const Clock& clock = Clock::System();
    const std::uint64_t wait_until_ns =
        clock.MonotonicNs() + static_cast<std::uint64_t>(point) * 1'000'000;
    while (clock.MonotonicNs() < wait_until_ns) {
    }
    const bool paused = Status() == "paused";
    const std::uint64_t killed_ns = clock.MonotonicNs();
    stack_->daemon().Signal(SIGKILL);
    ASSERT_TRUE(Eventually([this] { return Status() == "running"; }))
        << "stranded at point " << point << ": " << Status();
    if (paused) {
      latencies_ms.push_back(static_cast<double>(clock.MonotonicNs() - killed_ns) / 1e6);
    }
    EXPECT_TRUE(WIFSIGNALED(stack_->daemon().Wait()));
    ASSERT_TRUE(stack_->StartDaemon().ok());
  }
  ASSERT_TRUE(stack_->AwaitEpochAfter(name_, epoch).ok());
  EXPECT_FALSE(latencies_ms.empty());
  if (latencies_ms.empty()) return;
  std::sort(latencies_ms.begin(), latencies_ms.end());
  std::printf(
      "killed in the pause %zu of %d times: seen running after %.2f ms (median), "
      "%.2f ms (longest)\n",
      latencies_ms.size(), kPoints, latencies_ms[latencies_ms.size() / 2], latencies_ms.back());
}

}  // namespace
}  // namespace stillframe
