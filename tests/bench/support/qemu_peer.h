// QEMU's own ways to save a guest's memory, each as one call that is timed.
//
// Owned by one thread.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "support/qemu_process.h"
#include "support/temp_directory.h"

namespace stillframe::bench {

// What one saving of a guest cost.
struct SavingCost {
  double pause_ms = 0;  // from QEMU's STOP to its RESUME event, by their own timestamps
  double total_ms = 0;  // from the request until all is saved and the guest runs
};

// Runs `save`, in which the guest is stopped and resumed once.
absl::StatusOr<SavingCost> TimeSaving(QmpConnection& qmp,
                                      const std::function<absl::Status()>& save);

class QemuPeer {
 public:
  // Files go to /dev/shm: memory, as Stillframe's arenas are. `qemu` must outlive it.
  explicit QemuPeer(QemuProcess& qemu);
  ~QemuPeer();

  // Each leaves the guest running and no file behind.
  absl::StatusOr<SavingCost> StopPmemsaveCont(std::uint64_t bytes);
  absl::StatusOr<SavingCost> DumpGuestMemory();
  absl::StatusOr<SavingCost> StopMigrateCont();
  absl::StatusOr<SavingCost> BackgroundSnapshot();

 private:
  absl::Status Run(const std::string& command, const nlohmann::json& arguments);
  absl::Status Migrate();
  absl::StatusOr<SavingCost> Time(const std::function<absl::Status()>& save);

  QemuProcess& qemu_;
  std::string path_;
};

}  // namespace stillframe::bench
