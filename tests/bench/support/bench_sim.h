// A simulated guest of a benchmark, with all that captures it: what is dirty is up to the
// benchmark.
//
// Owned by one thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "bench/support/still_guest.h"
#include "bench/support/window_probe.h"
#include "capture/capturer.h"
#include "store/event_log.h"
#include "support/sim_process.h"
#include "support/temp_directory.h"

namespace stillframe::bench {

struct BenchSimOptions {
  std::uint64_t ram_mib = 1024;
  std::uint64_t resident_mib = 0;          // touched at boot; 0: all
  std::vector<std::string> workload = {};  // of stillframe-simguest; empty: next to nothing
  CapturePolicy policy = {};
};

class BenchSim {
 public:
  static absl::StatusOr<std::unique_ptr<BenchSim>> Start(BenchSimOptions options);

  // The frames that the guest touched.
  GfnRange resident() const { return resident_; }

  // Has the dirty log name these frames too, besides what the guest writes.
  void LogDirty(const PageBitmap& dirty);

  absl::StatusOr<SnapshotPtr> Capture();

  const WindowProbe& probe() const { return *guest_; }
  const SimProcess& process() const { return *process_; }
  std::uint64_t pages() const { return log_bits_; }

 private:
  BenchSim() = default;
  absl::Status MapLog();

  TempDirectory directory_;
  std::unique_ptr<SimProcess> process_;
  GfnRange resident_;
  Mapping log_;
  std::uint64_t log_bits_ = 0;
  EventLog events_{1000};
  NoGuard guard_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<WindowProbe> guest_;
  std::unique_ptr<SnapshotStore> store_;
  std::unique_ptr<Capturer> capturer_;
};

}  // namespace stillframe::bench
