// What one vCPU of a simulated guest does, in short steps.
//
// Owned by its vCPU's thread; Boot is called while that is parked.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "guest/sim/sim_wire.h"
#include "simguest/guest_ram.h"

namespace stillframe::sim {

enum class WorkloadKind { kIdle, kSequential, kRandom, kDrift, kMesh, kTorn };

std::optional<WorkloadKind> ParseWorkload(const std::string& name);

struct WorkloadOptions {
  WorkloadKind kind = WorkloadKind::kIdle;
  std::uint64_t window_first = 0;  // RAM pages that this vCPU works on
  std::uint64_t window_pages = 0;
  std::uint64_t pages_per_second = 0;  // 0: as fast as it can
  std::uint64_t seed = 1;
};

class Workload {
 public:
  virtual ~Workload() = default;

  // Touches every page of the window and sets the counters in `vcpu`; a fresh start on cleared RAM.
  virtual void Boot(Vcpu& vcpu) = 0;

  // A bounded bit of work. Leaves its counters in `vcpu`: RAX how often (or which sequence
  // number), RBX which page of the window is next. Returns how long to idle before the next step.
  virtual std::chrono::nanoseconds Step(Vcpu& vcpu) = 0;
};

std::unique_ptr<Workload> MakeWorkload(const WorkloadOptions& options, GuestRam& ram);

}  // namespace stillframe::sim
