// The conformance suite on QEMU. Booting takes seconds, so that a guest serves all tests of its
// shape until one of them kills it.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/status.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "guest/qemu/qemu_resumer.h"
#include "guest_conformance.h"
#include "nlohmann/json.hpp"
#include "support/eventually.h"
#include "support/page_walk.h"
#include "support/qemu_process.h"

namespace stillframe {
namespace {

constexpr std::uint32_t kTornMib = 8;
constexpr std::uint64_t kPagesPerMib = 256;
constexpr std::chrono::milliseconds kTimeout{5000};

// The guests that run, by number of vCPUs, size of the workload, and whether their writes are
// logged.
using Shape = std::tuple<std::uint32_t, std::uint32_t, bool>;
std::map<Shape, std::unique_ptr<QemuProcess>>& Guests() {
  static std::map<Shape, std::unique_ptr<QemuProcess>> guests;
  return guests;
}

class EndGuests final : public testing::Environment {
 public:
  void TearDown() override { Guests().clear(); }
};
const testing::Environment* const kEndGuests =
    testing::AddGlobalTestEnvironment(new EndGuests);  // owned by gtest

class QemuFixture final : public BackendFixture {
 public:
  explicit QemuFixture(bool dirty_log) : dirty_log_(dirty_log) {}

  ~QemuFixture() override {
    if (qemu_ == nullptr) return;
    const absl::StatusOr<std::string> status = qemu_->ObservedStatus();
    if (!status.ok() || *status != "running" || rebooted_) Guests().erase(shape_);
  }

  absl::Status Start(const GuestShape& shape) override {
    shape_ = {shape.vcpus, shape.workload == TestWorkload::kTornPages ? kTornMib : 0, dirty_log_};
    std::unique_ptr<QemuProcess>& qemu = Guests()[shape_];
    if (qemu == nullptr) {
      QemuSetup setup;
      setup.memory_mib = 192;
      setup.vcpus = shape.vcpus;
      setup.torn_mib = std::get<1>(shape_);
      setup.dirty_log = dirty_log_;
      setup.extra = {"-name", "conformance", "-uuid", Uuid::Random().ToString()};
      SF_ASSIGN_OR_RETURN(qemu, QemuProcess::Start(setup));
      SF_RETURN_IF_ERROR(qemu->WaitReady());
    }
    qemu_ = qemu.get();
    return Identify();
  }

  // QEMU notices that the last test's connection has closed a moment later.
  std::unique_ptr<Hypervisor> OpenHypervisor() override {
    auto hypervisor = std::make_unique<QemuHypervisor>(
        QemuOptions{.qmp_globs = {qemu_->qmp_path()}, .msrs = MsrPolicy::kAlways});
    EXPECT_TRUE(Eventually([&] {
      const auto listings = hypervisor->List();
      return listings.ok() && listings->size() == 1 && listings->front().readable.ok();
    }));
    return hypervisor;
  }
  std::unique_ptr<GuestResumer> OpenResumer() override { return std::make_unique<QemuResumer>(); }

  bool ConnectsBesideTheDaemon() const override { return false; }

  GuestIdentity identity() const override { return identity_; }
  std::uint64_t torn_pages() const override { return kTornMib * kPagesPerMib; }

  // The kernel's banner is where each vCPU's page tables say, the system call entry where LSTAR
  // points.
  absl::Status CheckRegisters(const std::vector<VcpuState>& vcpus, const GuestView& view) override {
    for (const VcpuState& vcpu : vcpus) {
      const std::string banner =
          ReadKernelText(WordsOf(view), vcpu.cr3, vcpu.cr4, qemu_->TruthAddress("linux_banner"));
      if (banner != qemu_->Truth("version") + "\n") {
        return absl::InternalError(fmt::format("vCPU {} maps '{}'", vcpu.index, banner));
      }
      if (vcpu.lstar != qemu_->TruthAddress("entry_SYSCALL_64")) {
        return absl::InternalError(
            fmt::format("vCPU {}: LSTAR {:#x}", vcpu.index, vcpu.lstar.value_or(0)));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RunState> ObservedState() override {
    SF_ASSIGN_OR_RETURN(const std::string status, qemu_->ObservedStatus());
    return status == "running" ? RunState::kRunning : RunState::kPaused;
  }

  absl::Status OperatorPause() override {
    SF_ASSIGN_OR_RETURN(const RunState state, ObservedState());
    if (state == RunState::kPaused) {
      return absl::UnimplementedError("QEMU does not count pauses: a second stop says nothing");
    }
    return qemu_->observer().Execute("stop", nullptr, kTimeout).status();
  }
  absl::Status OperatorResume() override {
    return qemu_->observer().Execute("cont", nullptr, kTimeout).status();
  }
  absl::Status Reboot() override {
    rebooted_ = true;
    SF_RETURN_IF_ERROR(qemu_->observer().Execute("system_reset", nullptr, kTimeout).status());
    return qemu_->WaitReady(2);
  }
  absl::Status Die() override {
    qemu_->Kill();
    return absl::OkStatus();
  }
  absl::StatusOr<GfnRange> BalloonOut() override {
    return absl::UnimplementedError("the test guest has no balloon driver");
  }

 private:
  absl::Status Identify() {
    auto uuid = qemu_->observer().Execute("query-uuid", nullptr, kTimeout);
    SF_RETURN_IF_ERROR(uuid.status());
    const std::optional<Uuid> id = Uuid::Parse((*uuid)["UUID"].get<std::string>());
    if (!id) return absl::InternalError("QEMU's UUID makes no sense");
    identity_ = {*id, "conformance", Backend::kQemu};
    return absl::OkStatus();
  }

  const bool dirty_log_;
  Shape shape_;
  QemuProcess* qemu_ = nullptr;
  GuestIdentity identity_;
  bool rebooted_ = false;
};

INSTANTIATE_TEST_SUITE_P(
    Qemu, GuestConformance,
    testing::Values(BackendCase{"qemu", [] { return std::make_unique<QemuFixture>(false); }},
                    BackendCase{"qemu_with_dirty_log",
                                [] { return std::make_unique<QemuFixture>(true); }}),
    BackendCaseName);

}  // namespace
}  // namespace stillframe
