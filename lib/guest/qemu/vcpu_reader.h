// Reads all vCPUs' registers of a QEMU guest that stands, in two steps: fetch, later decode.
//
// Owned by the guest's thread. Only the members marked [window] run in the pause.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guest/qemu/qemu_options.h"
#include "guest/qmp/qmp_connection.h"
#include "guest/vcpu_state.h"

namespace stillframe {

class VcpuReader {
 public:
  explicit VcpuReader(MsrPolicy msrs) : msrs_(msrs) {}

  // Lays out everything that a fetch of `vcpus` vCPUs needs, in QEMU too; cheap when it is there
  // already. Forgets what was fetched and not decoded. `boot` as in GuestView.
  absl::Status Prepare(QmpConnection& qmp, std::uint32_t vcpus, std::uint64_t boot);

  // Whether the device state may be taken too: only in a pause of our own, as it leaves the guest
  // in state "postmigrate".
  enum class Depth : std::uint8_t { kNoDeviceState, kAll };

  absl::Status Fetch(QmpConnection& qmp, Depth depth);  // [window]

  // Whether the last Fetch began a migration that FinishMigration was not called for yet.
  bool migrating() const { return migrating_; }

  // Waits until QEMU has left its migration, so that `cont` is safe. [window]
  absl::Status FinishMigration(QmpConnection& qmp, QmpConnection::Timeout timeout);

  // After the resume: takes back what the migration changed in QEMU. [window]
  void Restore(QmpConnection& qmp);

  // What the last Fetch read. DATA_LOSS when it makes no sense.
  absl::StatusOr<std::vector<VcpuState>> Decode();

 private:
  void FetchDeviceState(QmpConnection& qmp);
  bool WantsMsrs() const;

  const MsrPolicy msrs_;
  std::uint64_t boot_ = 0;
  std::uint32_t msr_tries_ = 0;  // in this boot
  bool msrs_seen_ = false;       // in this boot

  UniqueFd dump_;  // memfds that QEMU writes to; their offset, shared with QEMU's, ends the data
  UniqueFd stream_;
  bool dump_ready_ = false;  // QEMU holds the descriptor
  bool stream_ready_ = false;
  bool dump_fetched_ = false;
  bool stream_fetched_ = false;
  bool migrating_ = false;
  bool capabilities_changed_ = false;
  std::string restore_capabilities_;  // arguments that bring back what was set before

  std::string text_;  // reply to `info registers -a`, as raw JSON; its capacity is held
};

}  // namespace stillframe
