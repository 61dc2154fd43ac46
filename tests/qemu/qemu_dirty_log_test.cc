// The dirty log of a stock QEMU that runs with libstillframe-qemu.so: every snapshot against a
// plain copy of all memory that was made in the same pause.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "capture/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guest/qemu/pagemap_scan.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "nlohmann/json.hpp"
#include "support/booted_qemu_test.h"
#include "support/eventually.h"
#include "support/fake_guest.h"
#include "support/judge_snapshot.h"
#include "support/judged_guest.h"
#include "support/stack.h"

namespace stillframe {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds kQmpTimeout{10'000};
constexpr int kGenerations = 60;

// A worker on one guest, captured on demand; each snapshot is judged.
class Captured {
 public:
  Captured(const QemuProcess& qemu, std::uint64_t pause_budget_ms)
      : hypervisor_(QemuOptions{.qmp_globs = {qemu.qmp_path()}, .msrs = MsrPolicy::kNever}) {
    std::unique_ptr<Guest> guest;
    absl::Status status;
    // QEMU notices that the last test's connection has closed a moment later.
    EXPECT_TRUE(Eventually([&] {
      auto opened = hypervisor_.Open(Uuid::OfName(qemu.qmp_path()));
      status = opened.status();
      if (opened.ok()) guest = *std::move(opened);
      return status.ok();
    })) << status;
    auto judged = std::make_unique<JudgedGuest>(std::move(guest));
    judge_ = judged.get();
    CapturePolicy policy;
    policy.period_ms = 0;
    policy.generations_max = 3;
    policy.pause_deadline_ms = 60'000;
    policy.pause_budget_ms = pause_budget_ms;
    WorkerContext context{
        Clock::System(), events_, std::make_shared<ArenaBudget>(std::uint64_t{2} << 30), 16,
        [](const ResumeTicket&, int) -> absl::StatusOr<std::unique_ptr<PauseGuard>> {
          return std::make_unique<FakeGuard>();
        }};
    worker_ = std::make_unique<Worker>(std::move(judged), policy, std::move(context));
  }

  // The snapshot, found equal to the plain copy.
  SnapshotPtr Capture() {
    std::promise<absl::StatusOr<SnapshotPtr>> promise;
    auto result = promise.get_future();
    worker_->Request([&](absl::StatusOr<SnapshotPtr> snapshot) {
      if (snapshot.ok()) {
        const std::vector<Gfn> wrong = judge_->Differences(**snapshot);
        EXPECT_TRUE(wrong.empty())
            << wrong.size() << " pages are wrong in generation "
            << (*snapshot)->metadata.generation.value
            << ", the first: " << judge_->Describe(**snapshot, wrong.front());
      }
      promise.set_value(std::move(snapshot));
    });
    absl::StatusOr<SnapshotPtr> snapshot = result.get();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? *std::move(snapshot) : nullptr;
  }

  GuestCapabilities capabilities() const { return worker_->status().capabilities; }

 private:
  QemuHypervisor hypervisor_;
  EventLog events_{1024};
  JudgedGuest* judge_ = nullptr;
  std::unique_ptr<Worker> worker_;
};

bool KernelLogs() { return !absl::IsUnimplemented(PagemapScan::Open(getpid()).status()); }

#define SKIP_WITHOUT_KERNEL() \
  if (!KernelLogs()) GTEST_SKIP() << "this kernel has no PAGEMAP_SCAN (Linux 6.7)"

class QemuDirtyLogTest : public BootedQemuTest {
 protected:
  static void SetUpTestSuite() {
    QemuSetup setup;
    setup.dirty_log = true;
    Boot(setup);
  }

  void SetUp() override {
    SKIP_WITHOUT_KERNEL();
    BootedQemuTest::SetUp();
  }
};

TEST_F(QemuDirtyLogTest, SixtyGenerationsMissNoPage) {
  Captured captured(*qemu_, 0);
  const SnapshotPtr first = captured.Capture();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->metadata.method, CaptureMethod::kFull);
  EXPECT_TRUE(captured.capabilities().dirty_log);
  EXPECT_EQ(captured.capabilities().dirty_log_remark, "");
  std::uint64_t changed = 0;
  for (int i = 1; i < kGenerations; ++i) {
    const SnapshotPtr snapshot = captured.Capture();
    ASSERT_NE(snapshot, nullptr);
    EXPECT_EQ(snapshot->metadata.method, CaptureMethod::kDirtyLog);
    EXPECT_LT(snapshot->metadata.pages_copied, first->metadata.pages_copied);
    EXPECT_EQ(snapshot->metadata.precopy_rounds, 0u);
    changed += snapshot->metadata.pages_changed;
  }
  EXPECT_GT(changed, kGenerations * 100u) << "the guest has to write for this to prove anything";
}

TEST_F(QemuDirtyLogTest, SixtyPrecopiedGenerationsMissNoPage) {
  Captured captured(*qemu_, 1);
  std::uint64_t rounds = 0;
  for (int i = 0; i < kGenerations; ++i) {
    const SnapshotPtr snapshot = captured.Capture();
    ASSERT_NE(snapshot, nullptr);
    rounds += snapshot->metadata.precopy_rounds;
  }
  EXPECT_GT(rounds, 0u);
}

TEST_F(QemuDirtyLogTest, OneDaemonAfterTheOtherFindsTheLog) {
  for (int daemon = 0; daemon < 3; ++daemon) {
    Captured captured(*qemu_, 10);
    ASSERT_NE(captured.Capture(), nullptr);
    const SnapshotPtr second = captured.Capture();
    ASSERT_NE(second, nullptr);
    EXPECT_EQ(second->metadata.method, CaptureMethod::kDirtyLog);
  }
}

TEST_F(QemuDirtyLogTest, AKilledDaemonLeavesAGuestThatTheNextOneLogs) {
  StackSetup setup;
  setup.backends = fmt::format("qemu_qmp_globs = [\"{}\"]", qemu_->qmp_path());
  setup.defaults = "period_ms = 50\ngenerations_max = 3";
  auto stack = Stack::Start(setup);
  ASSERT_TRUE(stack.ok()) << stack.status();
  std::string name;
  ASSERT_TRUE(Eventually([&] {
    const auto guests = (*stack)->remote().ListGuests();
    if (guests.ok() && guests->size() == 1) name = (*guests)[0].name();
    return !name.empty();
  }));
  std::string epoch;
  for (int daemon = 0; daemon < 3; ++daemon) {
    const auto next = (*stack)->AwaitEpochAfter(name, epoch);
    ASSERT_TRUE(next.ok()) << next.status();
    epoch = *next;
    const auto guest = (*stack)->remote().GetGuest(name);
    ASSERT_TRUE(guest.ok()) << guest.status();
    EXPECT_TRUE(guest->capabilities().dirty_log()) << guest->capabilities().dirty_log_remark();
    // The first generation of an epoch may be the newest when it is asked for.
    v1::Snapshot snapshot;
    for (int i = 0; i < 2; ++i) {
      const auto captured = (*stack)->remote().Capture(name);
      ASSERT_TRUE(captured.ok()) << captured.status();
      snapshot = *captured;
    }
    EXPECT_EQ(snapshot.method(), v1::Snapshot::METHOD_DIRTY_LOG);
    auto reader = (*stack)->remote().OpenSnapshot(Select(name, snapshot.generation()));
    ASSERT_TRUE(reader.ok()) << reader.status();
    const TornVerdict verdict = JudgeTornPages(**reader);
    EXPECT_TRUE(verdict.consistent) << verdict.reason;
    (*stack)->daemon().Signal(SIGKILL);
    (*stack)->daemon().Wait();
    ASSERT_TRUE((*stack)->StartDaemon().ok());
  }
  ASSERT_TRUE((*stack)->AwaitEpochAfter(name, epoch).ok());
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
}

#define START_QEMU_WITH_KERNEL(qemu, setup) \
  SKIP_WITHOUT_KERNEL();                    \
  START_QEMU(qemu, setup)

TEST(QemuDirtyLogEdgeTest, AResetBeginsANewEpochAndTheLogGoesOn) {
  QemuSetup setup;
  setup.dirty_log = true;
  START_QEMU_WITH_KERNEL(qemu, setup);
  const absl::Status booted = qemu->WaitReady();
  ASSERT_TRUE(booted.ok()) << booted;
  Captured captured(*qemu, 10);
  const SnapshotPtr before = captured.Capture();
  ASSERT_NE(before, nullptr);
  ASSERT_TRUE(qemu->observer().Execute("system_reset", nullptr, kQmpTimeout).ok());
  // While the firmware runs too, which maps its memory anew.
  const SnapshotPtr firmware = captured.Capture();
  ASSERT_NE(firmware, nullptr);
  EXPECT_NE(firmware->metadata.epoch, before->metadata.epoch);
  for (int i = 0; i < 10; ++i) ASSERT_NE(captured.Capture(), nullptr);
  const absl::Status ready = qemu->WaitReady(2);
  ASSERT_TRUE(ready.ok()) << ready;
  for (int i = 0; i < 5; ++i) ASSERT_NE(captured.Capture(), nullptr);
  EXPECT_EQ(captured.Capture()->metadata.method, CaptureMethod::kDirtyLog);
}

// Nothing runs in these: QEMU stands with an empty machine.
QemuSetup Still() {
  QemuSetup setup;
  setup.memory_mib = 64;
  setup.kernel = false;
  setup.dirty_log = true;
  return setup;
}

// The file behind guest RAM, writable.
UniqueFd OpenRam(const QemuProcess& qemu) {
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", qemu.pid()))) {
    std::error_code ignored;
    const std::string target = std::filesystem::read_symlink(entry, ignored).string();
    if (target.starts_with("/memfd:memory-backend-memfd")) {
      return UniqueFd(open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
    }
  }
  return UniqueFd();
}

// As the balloon of a guest that runs makes QEMU do: the pages were protected, so the log is
// silent.
TEST(QemuDirtyLogEdgeTest, MemoryThatABalloonGaveBackReadsAsZeros) {
  QemuSetup setup = Still();
  setup.extra = {"-device", "virtio-balloon-pci"};
  START_QEMU_WITH_KERNEL(qemu, setup);
  const UniqueFd ram = OpenRam(*qemu);
  ASSERT_TRUE(ram.valid());
  constexpr off_t kAt = off_t{16} << 20;
  const std::vector<char> bytes(8 * kPageBytes, 'x');
  ASSERT_EQ(pwrite(ram.get(), bytes.data(), bytes.size(), kAt), static_cast<ssize_t>(bytes.size()));
  Captured captured(*qemu, 0);
  const auto slot = [&](const SnapshotPtr& snapshot, std::uint64_t page) {
    return snapshot->pages.slots()[(kAt >> kPageShift) + page];
  };
  const SnapshotPtr full = captured.Capture();
  ASSERT_NE(full, nullptr);
  EXPECT_LT(slot(full, 3), kSlotsMax);
  ASSERT_NE(captured.Capture(), nullptr);
  ASSERT_EQ(fallocate(ram.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kAt + 2 * kPageBytes,
                      4 * kPageBytes),
            0);
  const SnapshotPtr after = captured.Capture();
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->metadata.method, CaptureMethod::kDirtyLog);
  EXPECT_LT(slot(after, 1), kSlotsMax);
  EXPECT_EQ(slot(after, 2), kZeroSlot);
  EXPECT_EQ(slot(after, 5), kZeroSlot);
  EXPECT_LT(slot(after, 6), kSlotsMax);
}

TEST(QemuDirtyLogEdgeTest, DirectDiskWritesForbidPrecopyOnly) {
  QemuSetup setup = Still();
  setup.extra = {"-blockdev", "driver=null-co,node-name=disk,size=1048576,cache.direct=on"};
  START_QEMU_WITH_KERNEL(qemu, setup);
  Captured captured(*qemu, 10);
  ASSERT_NE(captured.Capture(), nullptr);
  const GuestCapabilities capabilities = captured.capabilities();
  EXPECT_TRUE(capabilities.dirty_log);
  EXPECT_FALSE(capabilities.dirty_log_live);
  EXPECT_THAT(capabilities.dirty_log_remark, HasSubstr("cache.direct"));
  ASSERT_TRUE(qemu->observer().Execute("blockdev-del", {{"node-name", "disk"}}, kQmpTimeout).ok());
  ASSERT_NE(captured.Capture(), nullptr);
  EXPECT_TRUE(captured.capabilities().dirty_log_live);
}

// One userfaultfd at a time can have a page.
TEST(QemuDirtyLogEdgeTest, BackgroundSnapshotsAreRefusedWhileTheLogIsOnAndPossibleAfterwards) {
  START_QEMU_WITH_KERNEL(qemu, Still());
  const auto ask = [&qemu = qemu] {
    return qemu->observer()
        .Execute("migrate-set-capabilities",
                 {{"capabilities", {{{"capability", "background-snapshot"}, {"state", true}}}}},
                 kQmpTimeout)
        .status();
  };
  {
    Captured captured(*qemu, 10);
    ASSERT_NE(captured.Capture(), nullptr);
    ASSERT_TRUE(captured.capabilities().dirty_log);
    const absl::Status refused = ask();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  }
  const absl::Status allowed = ask();
  EXPECT_TRUE(allowed.ok()) << allowed;
}

TEST(QemuDirtyLogEdgeTest, WithoutTheShimGuestsAreComparedAndToldWhy) {
  QemuSetup setup = Still();
  setup.dirty_log = false;
  START_QEMU_WITH_KERNEL(qemu, setup);
  Captured captured(*qemu, 10);
  ASSERT_NE(captured.Capture(), nullptr);
  const SnapshotPtr second = captured.Capture();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->metadata.method, CaptureMethod::kCompare);
  EXPECT_FALSE(captured.capabilities().dirty_log);
  EXPECT_THAT(captured.capabilities().dirty_log_remark, HasSubstr("libstillframe-qemu.so"));
}

TEST(QemuDirtyLogEdgeTest, TheShimLeavesNothingInQemusEnvironmentAndOutput) {
  START_QEMU_WITH_KERNEL(qemu, Still());
  int userfaults = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", qemu->pid()))) {
    std::error_code ignored;
    userfaults += std::filesystem::read_symlink(entry, ignored) == "anon_inode:[userfaultfd]";
  }
  EXPECT_EQ(userfaults, 1);
  EXPECT_EQ(std::filesystem::file_size(qemu->directory() + "/log"), 0u);
}

}  // namespace
}  // namespace stillframe
