// The capture worker on real Xen guests, run in dom0: every snapshot against a plain copy of all
// memory that was made in the same pause, while operators and the guest do what they like.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "capture/worker.h"
#include "guest/xen/domain.h"
#include "guest/xen/written_by_xen.h"
#include "guest/xen/xen_hypervisor.h"
#include "in_dom0/lab_guest.h"
#include "support/eventually.h"
#include "support/fake_guest.h"
#include "support/judged_guest.h"
#include "support/snapshot_bytes.h"

namespace stillframe {
namespace {

// Of tiny_guest.c.
constexpr std::uint64_t kTinyBalloonPages = 64;
constexpr Gfn kDmaFrame{0x1b00};

// What this process holds of guests and of Xen.
struct Holdings {
  std::size_t descriptors = 0;
  std::size_t foreign_mappings = 0;
  friend bool operator==(const Holdings&, const Holdings&) = default;
};

Holdings Count() {
  Holdings holdings;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++holdings.descriptors;
  }
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("privcmd") != std::string::npos) ++holdings.foreign_mappings;
  }
  return holdings;
}

// A page that is not in the snapshot as it is in the plain copy of the same pause.
struct Difference {
  Gfn gfn;
  bool by_xen = false;  // Xen writes it, while the guest stands too: after ours was copied
  std::string description;
};

struct Judged {
  SnapshotPtr snapshot;
  std::vector<Difference> differences;
};

// A worker on one guest, captured on demand.
class Captured {
 public:
  explicit Captured(const LabGuest& lab) {
    auto guest = XenHypervisor().Open(lab.id());
    EXPECT_TRUE(guest.ok()) << guest.status();
    if (!guest.ok()) return;
    auto judged = std::make_unique<JudgedGuest>(*std::move(guest));
    judge_ = judged.get();
    CapturePolicy policy;
    policy.period_ms = 0;
    policy.generations_max = 4;
    policy.pause_deadline_ms = 60'000;
    WorkerContext context{
        Clock::System(), events_, std::make_shared<ArenaBudget>(std::uint64_t{1} << 30), 16,
        [](const ResumeTicket&, int) -> absl::StatusOr<std::unique_ptr<PauseGuard>> {
          return std::make_unique<FakeGuard>();
        }};
    worker_ = std::make_unique<Worker>(std::move(judged), policy, std::move(context));
  }

  absl::StatusOr<Judged> Capture() {
    std::promise<absl::StatusOr<Judged>> promise;
    auto result = promise.get_future();
    worker_->Request([&](absl::StatusOr<SnapshotPtr> snapshot) {
      if (!snapshot.ok()) return promise.set_value(snapshot.status());
      Judged judged{*snapshot, {}};
      for (const Gfn gfn : judge_->Differences(**snapshot)) {
        judged.differences.push_back(
            {gfn, IsWrittenByXen(judge_->PageOf(gfn)), judge_->Describe(**snapshot, gfn)});
      }
      promise.set_value(std::move(judged));
    });
    return result.get();
  }

  Worker& worker() { return *worker_; }
  const JudgedGuest& judge() const { return *judge_; }

 private:
  EventLog events_{1024};
  JudgedGuest* judge_ = nullptr;
  std::unique_ptr<Worker> worker_;
};

// Right but for pages that Xen writes in a pause too.
void ExpectRight(const absl::StatusOr<Judged>& judged, const std::string& after) {
  ASSERT_TRUE(judged.ok()) << after << ": " << judged.status();
  for (const Difference& difference : judged->differences) {
    EXPECT_TRUE(difference.by_xen) << after << ": " << difference.description;
  }
  const SnapshotMetadata& metadata = judged->snapshot->metadata;
  EXPECT_EQ(metadata.pages_present + metadata.pages_zero + metadata.pages_absent,
            metadata.pages_total);
}

class XenCaptureTest : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { guests_.clear(); }
  static void TearDownTestSuite() {
    guests_.clear();
    EXPECT_EQ(ZombieDomains(), 0);
  }

  void SetUp() override {
    std::unique_ptr<LabGuest>& guest = guests_[GetParam()];
    if (guest == nullptr || !guest->State().ok()) {
      guest = nullptr;
      auto created = LabGuest::Create(GetParam());
      ASSERT_TRUE(created.ok()) << created.status();
      guest = *std::move(created);
    }
    lab_ = guest.get();
    before_ = Count();
  }
  void TearDown() override {
    if (lab_ == nullptr) return;
    EXPECT_EQ(Count(), before_) << "descriptors or mappings leaked";
    const auto state = lab_->State();
    if (state.ok()) {
      EXPECT_EQ(*state, RunState::kRunning);
    }
  }

  // Debian's Xen is built without shadow paging, which a PV guest's log needs.
  bool has_log() const { return GetParam() != "pv"; }
  bool has_system() const { return GetParam() == "pv" || GetParam() == "pvh"; }

  // Gives memory back, or takes it again; returns when the guest has done it. What a Linux guest
  // gave back stays allocated until a capture has noticed and let go of it.
  absl::Status Balloon(Captured& captured, bool out) {
    if (!has_system()) {
      SF_ASSIGN_OR_RETURN(const std::uint64_t pages,
                          out ? lab_->Ask('o', "GAVE ") : lab_->Ask('i', "TOOK "));
      return pages == kTinyBalloonPages ? absl::OkStatus() : absl::InternalError("not all pages");
    }
    const int mib = out ? 88 : 96;
    SF_RETURN_IF_ERROR(Shell(fmt::format("xl mem-set {} {}", lab_->name(), mib)).status());
    const bool settled = Eventually(
        [&] {
          const auto control = XenControl::Open();
          if (!control.ok() || (out && !captured.Capture().ok())) return false;
          const auto domain = ReadDomain((*control)->get(), lab_->domid());
          const std::uint64_t allocated_mib = domain.ok() ? domain->pages >> 8 : 0;
          return out ? allocated_mib <= 88 : allocated_mib >= 95;
        },
        std::chrono::seconds(60));
    return settled ? absl::OkStatus() : absl::DeadlineExceededError("the balloon does not move");
  }

  static std::map<std::string, std::unique_ptr<LabGuest>> guests_;
  LabGuest* lab_ = nullptr;
  Holdings before_;
};

std::map<std::string, std::unique_ptr<LabGuest>> XenCaptureTest::guests_;

TEST_P(XenCaptureTest, IncrementalEqualsFullInTheSamePauseOverTwentyGenerations) {
  Captured captured(*lab_);
  std::uint64_t copied = 0, faults = 0;
  std::set<std::string> written_by_xen;
  for (int generation = 1; generation <= 21; ++generation) {
    const auto judged = captured.Capture();
    ExpectRight(judged, fmt::format("generation {}", generation));
    if (HasFatalFailure()) return;
    const SnapshotMetadata& metadata = judged->snapshot->metadata;
    for (const Difference& difference : judged->differences) {
      written_by_xen.insert(difference.description);
    }
    if (generation == 1) continue;
    EXPECT_EQ(metadata.method, has_log() ? CaptureMethod::kDirtyLog : CaptureMethod::kCompare);
    if (has_log()) {
      EXPECT_LT(metadata.pages_copied, metadata.map.readable_pages() / 2);
    }
    copied += metadata.pages_copied;
    faults += metadata.window_page_faults;
  }
  EXPECT_GT(copied, 0u);
  EXPECT_EQ(faults, 0u);
  for (const std::string& page : written_by_xen)
    fmt::print("written by Xen in a pause: {}\n", page);
}

TEST_P(XenCaptureTest, BallooningDownAndUpIsFollowed) {
  Captured captured(*lab_);
  const auto before = captured.Capture();
  ExpectRight(before, "start");
  const absl::Status gave = Balloon(captured, true);
  ASSERT_TRUE(gave.ok()) << gave;
  const auto down = captured.Capture();
  ExpectRight(down, "ballooned down");
  const absl::Status took = Balloon(captured, false);
  ASSERT_TRUE(took.ok()) << took;
  const auto up = captured.Capture();
  ExpectRight(up, "ballooned up");
  if (HasFatalFailure()) return;
  const std::uint64_t readable = before->snapshot->metadata.map.readable_pages();
  EXPECT_LT(down->snapshot->metadata.map.readable_pages(), readable);
  EXPECT_GT(up->snapshot->metadata.map.readable_pages(),
            down->snapshot->metadata.map.readable_pages());
}

TEST_P(XenCaptureTest, PausesOfAnOperatorNestWithOurs) {
  Captured captured(*lab_);
  std::mt19937 random(7);
  bool paused = false;
  for (int step = 0; step < 12; ++step) {
    if (random() % 2 == 0) {
      ASSERT_TRUE((paused ? lab_->Unpause() : lab_->Pause()).ok());
      paused = !paused;
    }
    ExpectRight(captured.Capture(), fmt::format("step {}", step));
    const auto state = lab_->State();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(*state, paused ? RunState::kPaused : RunState::kRunning) << "step " << step;
  }
  if (paused) {
    ASSERT_TRUE(lab_->Unpause().ok());
  }
}

TEST_P(XenCaptureTest, WhatADeviceModelWritesByDmaIsCaptured) {
  if (GetParam() != "hvm") GTEST_SKIP() << "only HVM guests have a device model";
  Captured captured(*lab_);
  ExpectRight(captured.Capture(), "start");
  for (int round = 0; round < 5; ++round) {
    const auto block = lab_->Ask('d', "READ ");
    ASSERT_TRUE(block.ok()) << block.status();
    const auto judged = captured.Capture();
    ExpectRight(judged, fmt::format("block {}", *block));
    if (HasFatalFailure()) return;
    const std::vector<std::byte> page = PageOf(*judged->snapshot, kDmaFrame);
    const std::string begin = fmt::format("BLOCK {} ", *block);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(page.data()), begin.size()), begin);
  }
}

TEST_P(XenCaptureTest, ADirtyLogThatSomebodyTurnedOffIsAnsweredByAFullCopy) {
  if (!has_log()) GTEST_SKIP() << "this hypervisor has no dirty log for PV guests";
  Captured captured(*lab_);
  ExpectRight(captured.Capture(), "start");
  const auto control = XenControl::Open();
  ASSERT_TRUE(control.ok()) << control.status();
  ASSERT_EQ(
      xc_shadow_control((*control)->get(), lab_->domid(), XEN_DOMCTL_SHADOW_OP_OFF, nullptr, 0), 0);
  const auto after = captured.Capture();
  ExpectRight(after, "turned off");
  if (HasFatalFailure()) return;
  EXPECT_EQ(after->snapshot->metadata.method, CaptureMethod::kFull);
  const auto next = captured.Capture();
  ExpectRight(next, "the one after");
  if (HasFatalFailure()) return;
  EXPECT_EQ(next->snapshot->metadata.method, CaptureMethod::kDirtyLog);
}

TEST_P(XenCaptureTest, ACrashedGuestIsCapturedAsItLies) {
  if (has_system()) GTEST_SKIP() << "the guests without a system crash when they are told to";
  Captured captured(*lab_);
  ExpectRight(captured.Capture(), "start");
  ASSERT_TRUE(lab_->Type('c').ok());
  ASSERT_TRUE(Eventually([this] {
    const auto state = lab_->State();
    return state.ok() && *state == RunState::kCrashed;
  }));
  const auto crashed = captured.Capture();
  ExpectRight(crashed, "crashed");
  EXPECT_EQ(captured.worker().status().state, RunState::kCrashed);
  ASSERT_TRUE(lab_->Destroy().ok());
  EXPECT_TRUE(absl::IsNotFound(captured.Capture().status()));
}

TEST_P(XenCaptureTest, ARebootBeginsANewEpoch) {
  Captured captured(*lab_);
  const auto before = captured.Capture();
  ExpectRight(before, "start");
  ASSERT_TRUE(lab_->Reboot().ok());
  const auto after = captured.Capture();
  ExpectRight(after, "rebooted");
  if (HasFatalFailure()) return;
  EXPECT_NE(before->snapshot->metadata.epoch, after->snapshot->metadata.epoch);
  EXPECT_EQ(after->snapshot->metadata.generation.value, 1u);
  EXPECT_EQ(ZombieDomains(), 0);
}

// After the reboot: xl, which restarts guests, takes a save for their end.
TEST_P(XenCaptureTest, ASaveInBetweenIsAnsweredByAFullCopy) {
  if (!has_system()) GTEST_SKIP() << "the tiny guest cannot suspend itself";
  Captured captured(*lab_);
  ExpectRight(captured.Capture(), "start");
  ExpectRight(captured.Capture(), "second");
  const auto saved =
      Shell(fmt::format("xl save -c {0} /tmp/{0}.save && rm /tmp/{0}.save", GetParam()));
  ASSERT_TRUE(saved.ok()) << saved.status();
  const auto after = captured.Capture();
  ExpectRight(after, "saved");
  if (HasFatalFailure()) return;
  if (has_log()) {
    EXPECT_EQ(after->snapshot->metadata.method, CaptureMethod::kFull);
  }
  ExpectRight(captured.Capture(), "the one after");
}

TEST_P(XenCaptureTest, AGuestDestroyedInMidCaptureLeavesNothing) {
  Captured captured(*lab_);
  ExpectRight(captured.Capture(), "start");
  auto destroyed = std::async(std::launch::async, [this] { return lab_->Destroy(); });
  absl::StatusOr<Judged> judged = captured.Capture();
  while (judged.ok()) judged = captured.Capture();
  ASSERT_TRUE(destroyed.get().ok());
  if (!absl::IsNotFound(judged.status())) judged = captured.Capture();
  EXPECT_TRUE(absl::IsNotFound(judged.status())) << judged.status();
  EXPECT_TRUE(Eventually([] { return ZombieDomains() == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Xen, XenCaptureTest, testing::Values("tiny", "hvm", "pvh", "pv"),
                         [](const auto& guest) { return guest.param; });

}  // namespace
}  // namespace stillframe
