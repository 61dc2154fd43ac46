// The QEMU backend on a Linux guest that really runs; one boot serves all tests.
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "base/status.h"
#include "gtest/gtest.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "guest/qemu/qemu_resumer.h"
#include "nlohmann/json.hpp"
#include "support/booted_qemu_test.h"
#include "support/eventually.h"
#include "support/page_walk.h"

namespace stillframe {
namespace {

using std::chrono::milliseconds;

class QemuGuestTest : public BootedQemuTest {
 protected:
  static void SetUpTestSuite() {
    QemuSetup setup;
    setup.vcpus = 2;
    Boot(setup);
  }

  void SetUp() override {
    BootedQemuTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) Open(MsrPolicy::kOncePerBoot);
  }

  void Open(MsrPolicy msrs) {
    guest_.reset();
    hypervisor_ = std::make_unique<QemuHypervisor>(
        QemuOptions{.qmp_globs = {qemu_->qmp_path()}, .msrs = msrs});
    const GuestId id = Uuid::OfName(qemu_->qmp_path());
    absl::Status status;
    ASSERT_TRUE(Eventually([&] {
      absl::StatusOr<std::unique_ptr<Guest>> guest = hypervisor_->Open(id);
      status = guest.status();
      if (guest.ok()) guest_ = *std::move(guest);
      return status.ok();
    })) << status;
    absl::StatusOr<std::shared_ptr<const GuestView>> view = guest_->Refresh();
    ASSERT_TRUE(view.ok()) << view.status();
    view_ = *view;
  }

  // Registers of one pause, with the text at linux_banner read in the same pause.
  std::vector<VcpuState> Capture(std::string* banner) {
    EXPECT_TRUE(guest_->Refresh().ok());
    const auto pause = std::chrono::steady_clock::now();
    EXPECT_TRUE(guest_->Pause().ok());
    const auto start = std::chrono::steady_clock::now();
    pause_time_ = start - pause;
    const absl::Status fetched = guest_->FetchVcpus();
    fetch_time_ = std::chrono::steady_clock::now() - start;
    EXPECT_TRUE(fetched.ok()) << fetched;
    absl::StatusOr<std::vector<VcpuState>> vcpus = guest_->DecodeVcpus();
    if (vcpus.ok() && banner != nullptr) {
      *banner = ReadKernelText(WordsOf(*view_), vcpus->front().cr3, vcpus->front().cr4,
                               qemu_->TruthAddress("linux_banner"));
    }
    const auto resume = std::chrono::steady_clock::now();
    const absl::Status resumed = guest_->Resume();
    resume_time_ = std::chrono::steady_clock::now() - resume;
    EXPECT_TRUE(resumed.ok()) << resumed;
    EXPECT_TRUE(vcpus.ok()) << vcpus.status();
    return vcpus.ok() ? *std::move(vcpus) : std::vector<VcpuState>(1);
  }

  std::unique_ptr<QemuHypervisor> hypervisor_;
  std::unique_ptr<Guest> guest_;
  std::shared_ptr<const GuestView> view_;
  std::chrono::nanoseconds pause_time_{0}, fetch_time_{0}, resume_time_{0};
};

TEST_F(QemuGuestTest, PageTablesLeadFromCr3ToTheKernelsBanner) {
  std::string banner;
  ASSERT_EQ(Capture(&banner).size(), 2u);
  ASSERT_FALSE(qemu_->Truth("version").empty());
  EXPECT_EQ(banner, qemu_->Truth("version") + "\n");
}

TEST_F(QemuGuestTest, LstarIsTheSystemCallEntryInTheFirstCaptureAndAbsentLater) {
  std::vector<VcpuState> vcpus = Capture(nullptr);
  for (const VcpuState& vcpu : vcpus) {
    EXPECT_EQ(vcpu.lstar, qemu_->TruthAddress("entry_SYSCALL_64"));
    EXPECT_TRUE(vcpu.star && vcpu.cstar && vcpu.sf_mask && vcpu.sysenter_eip);
    EXPECT_TRUE(vcpu.kernel_gs_base.has_value());
    EXPECT_EQ(*vcpu.efer & 0x501, 0x501u);
  }
  vcpus = Capture(nullptr);
  EXPECT_FALSE(vcpus.front().lstar.has_value());
  EXPECT_TRUE(vcpus.front().kernel_gs_base.has_value()) << "this one is cheap";
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
}

TEST_F(QemuGuestTest, MsrsComeInEveryCaptureOnRequestAndLeaveNoTraceInQemu) {
  std::chrono::nanoseconds without{0};
  for (int i = 0; i < 3; ++i) {
    Capture(nullptr);
    without = fetch_time_;
  }
  Open(MsrPolicy::kAlways);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Capture(nullptr).back().lstar, qemu_->TruthAddress("entry_SYSCALL_64"));
    EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
  }
  const auto ms = [](std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1e6; };
  std::printf("pause %.2f ms, registers %.2f ms (with MSRs %.2f ms), resume %.2f ms\n",
              ms(pause_time_), ms(without), ms(fetch_time_), ms(resume_time_));
  const auto text = qemu_->observer().ExecuteHuman("info migrate_capabilities", milliseconds(5000));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_NE(text->find("x-ignore-shared: off"), std::string::npos) << *text;
  EXPECT_NE(text->find("events: off"), std::string::npos) << *text;
}

TEST_F(QemuGuestTest, TheFirstIdtGateIsTheDivideErrorHandler) {
  const VcpuState vcpu = Capture(nullptr).front();
  const auto gate = Translate(WordsOf(*view_), vcpu.cr3, vcpu.cr4, vcpu.idt.base);
  ASSERT_TRUE(gate.has_value());
  const std::uint64_t low = *ReadPhysical64(*view_, *gate);
  const std::uint64_t high = *ReadPhysical64(*view_, *gate + 8);
  EXPECT_EQ((low & 0xffff) | (low >> 48 << 16) | high << 32,
            qemu_->TruthAddress("asm_exc_divide_error"));
}

TEST_F(QemuGuestTest, TheGuardianResumesAGuestWhoseDeviceStateWasJustRead) {
  Open(MsrPolicy::kAlways);
  ASSERT_TRUE(guest_->Pause().ok());
  ASSERT_TRUE(guest_->FetchVcpus().ok());
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "postmigrate");
  QemuResumer resumer;
  const absl::Status resumed = resumer.Resume(guest_->resume_ticket(), guest_->resume_fd());
  EXPECT_TRUE(resumed.ok()) << resumed;
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
  EXPECT_TRUE(absl::IsAborted(guest_->Resume()));
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
}

// What the resumer meets when the daemon was killed: the monitor is free, the guest stands.
TEST_F(QemuGuestTest, AResumerFindsItsWayByAddress) {
  const ResumeTicket ticket = guest_->resume_ticket();
  guest_.reset();
  hypervisor_.reset();
  ASSERT_TRUE(qemu_->observer().Execute("stop", nullptr, milliseconds(5000)).ok());
  QemuResumer resumer;
  const absl::Status resumed = resumer.Resume(ticket, -1);
  EXPECT_TRUE(resumed.ok()) << resumed;
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "running");
  EXPECT_TRUE(resumer.Resume(ticket, -1).ok()) << "it runs already";
}

TEST_F(QemuGuestTest, AnOperatorsStopIsRespected) {
  ASSERT_TRUE(qemu_->observer().Execute("stop", nullptr, milliseconds(5000)).ok());
  ASSERT_TRUE(guest_->Refresh().ok());
  ASSERT_TRUE(guest_->Pause().ok());
  ASSERT_TRUE(guest_->FetchVcpus().ok());
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "paused") << "no migration in others' pauses";
  QemuResumer resumer;
  EXPECT_TRUE(resumer.Resume(guest_->resume_ticket(), guest_->resume_fd()).ok());
  EXPECT_TRUE(guest_->Resume().ok());
  EXPECT_EQ(qemu_->ObservedStatus().value_or("?"), "paused");
  ASSERT_TRUE(qemu_->observer().Execute("cont", nullptr, milliseconds(5000)).ok());
  EXPECT_TRUE(absl::IsAborted(guest_->Pause())) << "the ticket says not to resume";
  ASSERT_TRUE(guest_->Refresh().ok());
  EXPECT_TRUE(guest_->Pause().ok());
  EXPECT_TRUE(guest_->Resume().ok());
}

TEST_F(QemuGuestTest, UntouchedMemoryIsNotResident) {
  PageBitmap resident(view_->map.page_count());
  for (const MappedExtent& extent : view_->extents) resident.SetRange(extent.range);
  ASSERT_TRUE(guest_->FilterResident(resident).ok());
  EXPECT_GT(resident.Count(), 4096u);
  EXPECT_LT(resident.Count(), view_->map.readable_pages());
}

}  // namespace
}  // namespace stillframe
