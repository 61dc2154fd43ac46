// A simulated guest as a whole: RAM, vCPU threads, who holds it paused, its status page.
//
// Owned by the control thread; it starts the vCPU threads and joins them when it goes.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "guest/sim/sim_wire.h"
#include "simguest/guest_ram.h"
#include "simguest/vcpu_gate.h"
#include "simguest/workload.h"

namespace stillframe::sim {

enum class PauseOwner { kDaemon, kOperator };

class Machine {
 public:
  // `workloads` has the options of each vCPU's. The guest runs when this returns.
  static absl::StatusOr<std::unique_ptr<Machine>> Start(
      GuestRam ram, const std::vector<WorkloadOptions>& workloads);
  ~Machine();

  // Returns when no vCPU runs. Idempotent for each owner.
  void Pause(PauseOwner owner);

  // Drops the pause of `owner` only; the guest runs once nobody holds one. Idempotent.
  void Resume(PauseOwner owner);

  bool operator_paused() const { return operator_paused_; }
  std::uint64_t stand() const { return stand_; }

  absl::Status BalloonOut(GfnRange range);
  absl::Status BalloonIn(GfnRange range);

  // RAM cleared, balloon deflated, everything dirty, workloads anew. Pauses stay.
  absl::Status Reboot();

  // The caller owns the dirty log from now on; all RAM is dirty. Returns the owner's number.
  std::uint64_t StartLog();

  void Describe(DescribeReply& reply) const;

  // FAILED_PRECONDITION while the guest runs.
  absl::Status ReadVcpus(VcpusReply& reply) const;

  const GuestRam& ram() const { return ram_; }
  int status_fd() const { return status_fd_.get(); }

 private:
  struct VcpuThread {
    std::unique_ptr<Workload> workload;
    Vcpu registers;
    std::thread thread;
  };

  explicit Machine(GuestRam ram, const std::vector<WorkloadOptions>& workloads);
  absl::Status MapStatusPage();
  void RunVcpu(std::uint32_t index);
  void Apply();

  // Calls `change` while all vCPUs are parked, whoever else holds them.
  template <typename Change>
  absl::Status WhileParked(Change&& change);

  StatusPage& status() const { return *reinterpret_cast<StatusPage*>(status_map_.data()); }

  GuestRam ram_;
  VcpuGate gate_;
  std::vector<VcpuThread> vcpus_;
  UniqueFd status_fd_;
  Mapping status_map_;
  bool running_ = false;
  bool daemon_paused_ = false;
  bool operator_paused_ = false;
  std::uint64_t stand_ = 1;
};

}  // namespace stillframe::sim
