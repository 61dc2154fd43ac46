#include "simguest/machine.h"

#include <utility>

#include "base/clock.h"
#include "base/memfd.h"
#include "base/status.h"

namespace stillframe::sim {
namespace {

// Where a Linux kernel without address randomisation has these; only plausibility matters.
constexpr std::uint64_t kKernelText = 0xffffffff81000000;
constexpr std::uint64_t kEntrySyscall = 0xffffffff82000080;
constexpr std::uint64_t kIdt = 0xfffffe0000000000;
constexpr std::uint64_t kPerCpu = 0xffff888000200000;

Vcpu PowerOn(std::uint32_t index, const GuestRam& ram) {
  Vcpu vcpu;
  vcpu.rip = kKernelText;
  vcpu.rflags = 0x202;
  vcpu.cr0 = 0x80050033;  // PG AM WP NE ET MP PE
  vcpu.cr3 = ram.TableAddressOf(1);
  vcpu.cr4 = 0x6f0;   // OSXMMEXCPT OSFXSR PGE MCE PAE PSE
  vcpu.efer = 0xd01;  // NXE LMA LME SCE
  vcpu.gdt_base = 0xfffffe0000001000 + index * 0x3b000ull;
  vcpu.gdt_limit = 0x7f;
  vcpu.idt_base = kIdt;
  vcpu.idt_limit = 0xfff;
  vcpu.gs_base = kPerCpu + index * 0x40000ull;
  vcpu.star = 0x0023001000000000;
  vcpu.lstar = kEntrySyscall;
  vcpu.sf_mask = 0x47700;
  vcpu.general[15] = index;
  return vcpu;
}

}  // namespace

Machine::Machine(GuestRam ram, const std::vector<WorkloadOptions>& workloads)
    : ram_(std::move(ram)),
      gate_(static_cast<std::uint32_t>(workloads.size())),
      vcpus_(workloads.size()) {
  for (std::uint32_t i = 0; i < vcpus_.size(); ++i) {
    vcpus_[i].workload = MakeWorkload(workloads[i], ram_);
    vcpus_[i].registers = PowerOn(i, ram_);
  }
}

absl::StatusOr<std::unique_ptr<Machine>> Machine::Start(
    GuestRam ram, const std::vector<WorkloadOptions>& workloads) {
  std::unique_ptr<Machine> machine(new Machine(std::move(ram), workloads));
  SF_RETURN_IF_ERROR(machine->MapStatusPage());
  machine->status().boot = 1;
  machine->status().map_generation = 1;
  machine->ram_.LogAll();
  for (VcpuThread& vcpu : machine->vcpus_) vcpu.workload->Boot(vcpu.registers);
  for (std::uint32_t i = 0; i < machine->vcpus_.size(); ++i) {
    machine->vcpus_[i].thread = std::thread(&Machine::RunVcpu, machine.get(), i);
  }
  machine->Apply();
  return machine;
}

Machine::~Machine() {
  gate_.Dismiss();
  for (VcpuThread& vcpu : vcpus_) {
    if (vcpu.thread.joinable()) vcpu.thread.join();
  }
}

absl::Status Machine::MapStatusPage() {
  SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd("simguest-status", kPageBytes));
  SF_ASSIGN_OR_RETURN(status_map_, Mapping::Shared(fd.get(), 0, kPageBytes, Access::kReadWrite));
  SF_RETURN_IF_ERROR(SealAgainstNewWriters(fd.get()));
  status_fd_ = std::move(fd);
  return absl::OkStatus();
}

void Machine::RunVcpu(std::uint32_t index) {
  VcpuThread& vcpu = vcpus_[index];
  std::chrono::nanoseconds idle{0};
  while (gate_.Pass(idle)) {
    idle = vcpu.workload->Step(vcpu.registers);
    const std::uint64_t work = status().work[index].load(std::memory_order_relaxed) + 1;
    vcpu.registers.rip = kKernelText + work % 0x1000;
    status().work[index].store(work, std::memory_order_relaxed);
  }
}

void Machine::Apply() {
  const bool run = !daemon_paused_ && !operator_paused_;
  if (run == running_) return;
  running_ = run;
  if (run) {
    ++stand_;
    status().paused = 0;
    status().resume_ns = Clock::System().MonotonicNs();
    gate_.Open();
  } else {
    gate_.Close();
    status().paused = 1;
  }
}

void Machine::Pause(PauseOwner owner) {
  (owner == PauseOwner::kDaemon ? daemon_paused_ : operator_paused_) = true;
  Apply();
  status().pause_ns = Clock::System().MonotonicNs();
  ++status().pauses;
}

void Machine::Resume(PauseOwner owner) {
  (owner == PauseOwner::kDaemon ? daemon_paused_ : operator_paused_) = false;
  Apply();
}

template <typename Change>
absl::Status Machine::WhileParked(Change&& change) {
  if (running_) gate_.Close();
  ++stand_;
  absl::Status changed = change();
  if (running_) gate_.Open();
  return changed;
}

absl::Status Machine::BalloonOut(GfnRange range) {
  return WhileParked([&] {
    SF_RETURN_IF_ERROR(ram_.BalloonOut(range));
    ++status().map_generation;
    return absl::OkStatus();
  });
}

absl::Status Machine::BalloonIn(GfnRange range) {
  return WhileParked([&] {
    SF_RETURN_IF_ERROR(ram_.BalloonIn(range));
    ++status().map_generation;
    return absl::OkStatus();
  });
}

absl::Status Machine::Reboot() {
  return WhileParked([&] {
    if (ram_.HasBalloon()) ++status().map_generation;
    ++status().boot;
    SF_RETURN_IF_ERROR(ram_.Clear());
    for (std::uint32_t i = 0; i < vcpus_.size(); ++i) {
      vcpus_[i].registers = PowerOn(i, ram_);
      vcpus_[i].workload->Boot(vcpus_[i].registers);
    }
    return absl::OkStatus();
  });
}

std::uint64_t Machine::StartLog() {
  // In this order: whoever sees the new owner also gets everything reported.
  ram_.LogAll();
  return ++status().log_owner;
}

void Machine::Describe(DescribeReply& reply) const {
  reply.boot = status().boot;
  reply.map_generation = status().map_generation;
  reply.vcpus = static_cast<std::uint32_t>(vcpus_.size());
  reply.operator_paused = operator_paused_ ? 1 : 0;
  ram_.Describe(reply);
}

absl::Status Machine::ReadVcpus(VcpusReply& reply) const {
  if (running_) {
    return absl::FailedPreconditionError("the guest runs; pause it to read registers");
  }
  reply.count = static_cast<std::uint32_t>(vcpus_.size());
  for (std::size_t i = 0; i < vcpus_.size(); ++i) reply.vcpus[i] = vcpus_[i].registers;
  return absl::OkStatus();
}

}  // namespace stillframe::sim
