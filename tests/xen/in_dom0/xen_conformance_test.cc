// The conformance suite on real Xen guests, run in dom0. A guest serves all tests of its kind until
// one of them ends it.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "base/status.h"
#include "guest/xen/written_by_xen.h"
#include "guest/xen/xen_hypervisor.h"
#include "guest/xen/xen_resumer.h"
#include "guest_conformance.h"
#include "in_dom0/lab_guest.h"
#include "introspect/torn_pages.h"
#include "support/page_walk.h"

namespace stillframe {
namespace {

// Where tiny_guest.c puts its workload, and what it gives back to Xen.
constexpr std::uint64_t kTinyWorkload = 16 << 20;
constexpr GfnRange kTinyBalloon{Gfn{0x1a00}, 64};

std::map<std::string, std::unique_ptr<LabGuest>>& Guests() {
  static std::map<std::string, std::unique_ptr<LabGuest>> guests;
  return guests;
}

class EndGuests final : public testing::Environment {
 public:
  void TearDown() override {
    Guests().clear();
    EXPECT_EQ(ZombieDomains(), 0);
  }
};
const testing::Environment* const kEndGuests =
    testing::AddGlobalTestEnvironment(new EndGuests);  // owned by gtest

// What all kinds of guests share.
class XenFixture : public BackendFixture {
 public:
  explicit XenFixture(std::string name) : name_(std::move(name)) {}
  ~XenFixture() override {
    if (guest_ == nullptr) return;
    const auto state = guest_->State();
    if (spent_ || !state.ok() || *state != RunState::kRunning) Guests().erase(name_);
  }

  absl::Status Start(const GuestShape& shape) override {
    if (shape.workload == TestWorkload::kIdle) {
      return absl::UnimplementedError("the lab's guests always run their workload");
    }
    std::unique_ptr<LabGuest>& guest = Guests()[name_];
    if (guest == nullptr) {
      SF_ASSIGN_OR_RETURN(guest, LabGuest::Create(name_));
    }
    guest_ = guest.get();
    torn_pages_ = std::stoull(guest_->Truth("torn_pages"));
    return absl::OkStatus();
  }

  std::unique_ptr<Hypervisor> OpenHypervisor() override {
    return std::make_unique<XenHypervisor>();
  }
  std::unique_ptr<GuestResumer> OpenResumer() override { return std::make_unique<XenResumer>(); }
  GuestIdentity identity() const override { return {guest_->id(), name_, Backend::kXen}; }
  std::uint64_t torn_pages() const override { return torn_pages_; }

  bool IsWrittenByHypervisor(std::span<const std::byte, kPageBytes> page) const override {
    return IsWrittenByXen(page);
  }
  absl::StatusOr<RunState> ObservedState() override { return guest_->State(); }
  absl::Status OperatorPause() override { return guest_->Pause(); }
  absl::Status OperatorResume() override { return guest_->Unpause(); }
  absl::Status Reboot() override { return guest_->Reboot(); }
  absl::Status Die() override { return guest_->Destroy(); }
  bool TellsBalloonsInThePause() const override { return false; }
  absl::StatusOr<GfnRange> BalloonOut() override {
    return absl::UnimplementedError("its balloon driver chooses the pages itself");
  }

 protected:
  const std::string name_;
  LabGuest* guest_ = nullptr;
  std::uint64_t torn_pages_ = 0;
  bool spent_ = false;  // not as it was at its start: no other test gets this guest
};

class TinyFixture final : public XenFixture {
 public:
  using XenFixture::XenFixture;

  // R14 is the pass, R15 the page that is stamped or comes next; the tables map 1:1.
  absl::Status CheckRegisters(const std::vector<VcpuState>& vcpus, const GuestView& view) override {
    TornPages pages;
    for (const MappedExtent& extent : view.extents) {
      for (std::uint64_t i = 0; i < extent.range.pages; ++i) {
        SF_RETURN_IF_ERROR(pages.Add(
            std::span<const std::byte, kPageBytes>(extent.at + i * kPageBytes, kPageBytes)));
      }
    }
    const TornVerdict verdict = pages.Judge(torn_pages_);
    const VcpuState& vcpu = vcpus[0];
    const std::uint64_t in_memory = verdict.sequence * torn_pages_ + verdict.next_page;
    const std::uint64_t in_registers = vcpu.general[14] * torn_pages_ + vcpu.general[15];
    if (!verdict.consistent || in_memory - in_registers > 1) {
      return absl::InternalError(fmt::format("registers say {}:{}, memory says {}:{} {}",
                                             vcpu.general[14], vcpu.general[15], verdict.sequence,
                                             verdict.next_page, verdict.reason));
    }
    if (Translate(WordsOf(view), vcpu.cr3, vcpu.cr4, kTinyWorkload) != kTinyWorkload ||
        vcpu.efer.value_or(0) == 0 || vcpu.gdt.base == 0 || vcpu.rip == 0) {
      return absl::InternalError("a register that the guest has was not decoded");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<GfnRange> BalloonOut() override {
    spent_ = true;
    SF_ASSIGN_OR_RETURN(const std::uint64_t gave, guest_->Ask('o', "GAVE "));
    if (gave != kTinyBalloon.pages) return absl::InternalError(fmt::format("gave {}", gave));
    return kTinyBalloon;
  }
};

class LinuxFixture final : public XenFixture {
 public:
  using XenFixture::XenFixture;

  absl::Status Reboot() override { return TooSlow(); }
  absl::Status Die() override { return TooSlow(); }

  // The kernel's banner is where each vCPU's page tables say, the system call entry where LSTAR
  // points.
  absl::Status CheckRegisters(const std::vector<VcpuState>& vcpus, const GuestView& view) override {
    for (const VcpuState& vcpu : vcpus) {
      const std::string banner =
          ReadKernelText(WordsOf(view), vcpu.cr3, vcpu.cr4, guest_->TruthAddress("linux_banner"));
      if (banner != guest_->Truth("version") + "\n") {
        return absl::InternalError(fmt::format("vCPU {} maps '{}'", vcpu.index, banner));
      }
      if (vcpu.lstar.has_value() && vcpu.lstar != guest_->TruthAddress("entry_SYSCALL_64")) {
        return absl::InternalError(fmt::format("vCPU {}: LSTAR {:#x}", vcpu.index, *vcpu.lstar));
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status TooSlow() {
    return absl::UnimplementedError(
        "Linux boots too slowly to end it here: xen_capture_test does, and the tiny guest");
  }
};

INSTANTIATE_TEST_SUITE_P(
    Xen, GuestConformance,
    testing::Values(BackendCase{"tiny", [] { return std::make_unique<TinyFixture>("tiny"); }},
                    BackendCase{"hvm", [] { return std::make_unique<TinyFixture>("hvm"); }},
                    BackendCase{"pv", [] { return std::make_unique<LinuxFixture>("pv"); }},
                    BackendCase{"pvh", [] { return std::make_unique<LinuxFixture>("pvh"); }}),
    BackendCaseName);

}  // namespace
}  // namespace stillframe
