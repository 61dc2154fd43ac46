#include "guest/paused_guest.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stillframe {
namespace {

using testing::ElementsAre;

struct Journal {
  std::vector<std::string> calls;
};

class FakeGuest final : public Guest {
 public:
  explicit FakeGuest(Journal& journal) : journal_(journal) {}
  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override { return {}; }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override {
    return absl::UnimplementedError("not here");
  }
  ResumeTicket resume_ticket() const override { return {}; }
  absl::Status Pause() override {
    journal_.calls.push_back("pause");
    return pause_status;
  }
  absl::Status Resume() override {
    journal_.calls.push_back("resume");
    return resume_status;
  }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap&) override { return DirtyAnswer::kUnknown; }
  absl::Status FetchVcpus() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override { return std::vector<VcpuState>{}; }

  absl::Status pause_status;
  absl::Status resume_status;

 private:
  Journal& journal_;
  GuestIdentity identity_;
};

class FakeGuard final : public PauseGuard {
 public:
  explicit FakeGuard(Journal& journal) : journal_(journal) {}
  absl::Status Arm(std::uint64_t deadline) override {
    journal_.calls.push_back("arm");
    deadline_ns = deadline;
    return arm_status;
  }
  void BeginResume() override { journal_.calls.push_back("begin"); }
  absl::Status Disarm() override {
    journal_.calls.push_back("disarm");
    return disarm_status;
  }

  absl::Status arm_status;
  absl::Status disarm_status;
  std::uint64_t deadline_ns = 0;

 private:
  Journal& journal_;
};

class TickingClock final : public Clock {
 public:
  std::uint64_t MonotonicNs() const override { return ++now_; }
  std::uint64_t WallNs() const override { return 0; }

 private:
  mutable std::uint64_t now_ = 0;
};

struct PausedGuestTest : testing::Test {
  Journal journal;
  FakeGuest guest{journal};
  FakeGuard guard{journal};
  TickingClock clock;
};

TEST_F(PausedGuestTest, ResumesWhenItGoes) {
  {
    const PausedGuest paused(guest, guard, 99, clock);
    EXPECT_TRUE(paused.status().ok());
  }
  EXPECT_EQ(guard.deadline_ns, 99u);
  EXPECT_THAT(journal.calls, ElementsAre("arm", "pause", "begin", "resume", "disarm"));
}

TEST_F(PausedGuestTest, ResumesOnceAndSaysWhen) {
  {
    PausedGuest paused(guest, guard, 99, clock);
    EXPECT_EQ(paused.paused_ns(), 1u);
    EXPECT_EQ(paused.resumed_ns(), 0u);
    EXPECT_TRUE(paused.Resume().ok());
    EXPECT_EQ(paused.resumed_ns(), 2u);
  }
  EXPECT_THAT(journal.calls, ElementsAre("arm", "pause", "begin", "resume", "disarm"));
}

TEST_F(PausedGuestTest, DoesNotPauseWithoutAGuardian) {
  guard.arm_status = absl::UnavailableError("no guardian");
  {
    const PausedGuest paused(guest, guard, 99, clock);
    EXPECT_EQ(paused.status(), guard.arm_status);
  }
  EXPECT_THAT(journal.calls, ElementsAre("arm"));
}

TEST_F(PausedGuestTest, ResumesAfterAFailedPauseToo) {
  guest.pause_status = absl::DeadlineExceededError("no answer");
  {
    const PausedGuest paused(guest, guard, 99, clock);
    EXPECT_EQ(paused.status(), guest.pause_status);
  }
  EXPECT_THAT(journal.calls, ElementsAre("arm", "pause", "begin", "resume", "disarm"));
}

TEST_F(PausedGuestTest, StaysArmedWhenResumeFails) {
  guest.resume_status = absl::UnavailableError("hypervisor hangs");
  PausedGuest paused(guest, guard, 99, clock);
  EXPECT_EQ(paused.Resume(), guest.resume_status);
  EXPECT_THAT(journal.calls, ElementsAre("arm", "pause", "begin", "resume"));
}

TEST_F(PausedGuestTest, ReportsATornPause) {
  guest.resume_status = absl::AbortedError("somebody resumed it");
  PausedGuest paused(guest, guard, 99, clock);
  EXPECT_TRUE(absl::IsAborted(paused.Resume()));
  EXPECT_EQ(journal.calls.back(), "disarm");
}

TEST_F(PausedGuestTest, ReportsThatTheGuardianWasFaster) {
  guard.disarm_status = absl::DeadlineExceededError("too late");
  PausedGuest paused(guest, guard, 99, clock);
  EXPECT_TRUE(absl::IsDeadlineExceeded(paused.Resume()));
}

}  // namespace
}  // namespace stillframe
