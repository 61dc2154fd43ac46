#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>

#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"
#include "guest_conformance.h"
#include "introspect/torn_pages.h"
#include "support/sim_process.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kWindowPages = 512;
constexpr std::uint64_t kWindowFirst = 256;  // where stillframe-simguest puts its window
constexpr std::uint64_t kRamMib = 16;
constexpr std::uint64_t kHolePages = 0x100;

class SimFixture final : public BackendFixture {
 public:
  absl::Status Start(const GuestShape& shape) override {
    absl::StatusOr<std::unique_ptr<SimProcess>> process = SimProcess::Start(
        directory_.path(), "conformance",
        {"--ram-mib", std::to_string(kRamMib), "--vcpus", std::to_string(shape.vcpus), "--workload",
         shape.workload == TestWorkload::kIdle ? "idle" : "torn", "--window-pages",
         std::to_string(kWindowPages), "--hole", fmt::format("0x180:{:#x}", kHolePages)});
    if (!process.ok()) return process.status();
    process_ = *std::move(process);
    return absl::OkStatus();
  }

  std::unique_ptr<Hypervisor> OpenHypervisor() override {
    return std::make_unique<SimHypervisor>(directory_.path());
  }
  std::unique_ptr<GuestResumer> OpenResumer() override { return std::make_unique<SimResumer>(); }
  GuestIdentity identity() const override {
    return {process_->id(), process_->name(), Backend::kSim};
  }
  std::uint64_t torn_pages() const override { return kWindowPages; }

  // RAX is the pass that is being stamped, RBX the page that comes next.
  absl::Status CheckRegisters(const std::vector<VcpuState>& vcpus, const GuestView& view) override {
    TornPages pages;
    for (const MappedExtent& extent : view.extents) {
      for (std::uint64_t i = 0; i < extent.range.pages; ++i) {
        if (extent.range.first.value + i < kWindowFirst ||
            extent.range.first.value + i >= kWindowFirst + kWindowPages + kHolePages) {
          continue;  // never written: reading it would allocate it
        }
        const absl::Status added = pages.Add(
            std::span<const std::byte, kPageBytes>(extent.at + i * kPageBytes, kPageBytes));
        if (!added.ok()) return added;
      }
    }
    const TornVerdict verdict = pages.Judge(kWindowPages);
    const bool pass_just_ended = verdict.next_page == kWindowPages;
    const std::uint64_t rax = pass_just_ended ? verdict.sequence + 1 : verdict.sequence;
    const std::uint64_t rbx = pass_just_ended ? 0 : verdict.next_page;
    if (!verdict.consistent || vcpus[0].general[0] != rax || vcpus[0].general[1] != rbx) {
      return absl::InternalError(fmt::format("registers say {}:{}, memory says {}:{} {}",
                                             vcpus[0].general[0], vcpus[0].general[1], rax, rbx,
                                             verdict.reason));
    }
    if (vcpus[0].lstar.value_or(0) == 0 || vcpus[0].efer.value_or(0) == 0 ||
        vcpus[0].idt.base == 0 || vcpus[0].gdt.base == 0) {
      return absl::InternalError("a register that the guest has was not decoded");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RunState> ObservedState() override {
    return process_->status().paused.load() != 0 ? RunState::kPaused : RunState::kRunning;
  }
  absl::Status OperatorPause() override { return process_->OperatorPause(); }
  absl::Status OperatorResume() override { return process_->OperatorResume(); }
  absl::Status Reboot() override { return process_->Reboot(); }
  absl::Status Die() override { return process_->Die(); }
  absl::StatusOr<GfnRange> BalloonOut() override {
    const GfnRange range{Gfn{0x800}, 64};
    const absl::Status out = process_->BalloonOut(range);
    if (!out.ok()) return out;
    return range;
  }

 private:
  TempDirectory directory_;
  std::unique_ptr<SimProcess> process_;
};

INSTANTIATE_TEST_SUITE_P(Sim, GuestConformance,
                         testing::Values(BackendCase{
                             "sim", [] { return std::make_unique<SimFixture>(); }}),
                         BackendCaseName);

}  // namespace
}  // namespace stillframe
