// A stillframed of its own with simulated guests that come one by one, and a local reader of it.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/support/process_memory.h"
#include "local/client.h"
#include "support/sim_process.h"
#include "support/stack.h"
#include "support/temp_directory.h"

namespace stillframe::bench {

class SimDaemon {
 public:
  // Captures on demand only.
  static absl::StatusOr<std::unique_ptr<SimDaemon>> Start(std::uint64_t guest_mib);

  // Adds guests up to that many; returns when each has a snapshot.
  absl::Status GrowTo(std::size_t guests);

  // Takes a snapshot of every guest at once.
  absl::StatusOr<std::vector<v1::Snapshot>> CaptureAll();

  std::string NameOf(std::size_t guest) const;
  std::string socket_path() const { return stack_->directory() + "/stillframed.sock"; }
  ProcessMemory memory() { return MemoryOf(stack_->daemon().pid()); }

 private:
  explicit SimDaemon(std::uint64_t guest_mib) : guest_mib_(guest_mib) {}

  const std::uint64_t guest_mib_;
  TempDirectory sockets_;
  std::unique_ptr<Stack> stack_;
  std::vector<std::unique_ptr<SimProcess>> guests_;
  std::unique_ptr<LocalClient> client_;
};

}  // namespace stillframe::bench
