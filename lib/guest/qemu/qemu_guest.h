// One guest of an unmodified QEMU, reached through its monitor and its shared RAM.
//
// Owned by one thread, as Guest says. QEMU does not count pauses: an operator's `stop` that comes
// while ours holds cannot be told from ours, and our `cont` undoes both.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "guest/guest.h"
#include "guest/qemu/dirty_log.h"
#include "guest/qemu/guest_layout.h"
#include "guest/qemu/memory_writers.h"
#include "guest/qemu/qemu_options.h"
#include "guest/qemu/qemu_ram.h"
#include "guest/qemu/run_state.h"
#include "guest/qemu/vcpu_reader.h"
#include "guest/qmp/qmp_connection.h"

namespace stillframe {

// What the hypervisor still wants to know about a guest that it handed out. Thread-safe.
struct QemuPresence {
  std::atomic<RunState> state{RunState::kRunning};
  std::atomic<bool> open{true};  // the guest object lives and holds the monitor
  UniqueFd process;              // pidfd of QEMU; constant
};

class QemuGuest final : public Guest {
 public:
  QemuGuest(GuestIdentity identity, std::string address, std::unique_ptr<QmpConnection> qmp,
            MsrPolicy msrs, std::shared_ptr<QemuPresence> presence);
  ~QemuGuest() override;

  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override;
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override;
  ResumeTicket resume_ticket() const override { return ticket_; }
  int resume_fd() const override { return qmp_->fd(); }
  absl::Status Pause() override;
  bool pause_is_ours() const override { return hold_ != Hold::kForeign; }
  absl::Status Resume() override;
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override;
  std::uint64_t EstimateDirty() override { return log_ != nullptr ? log_->Count() : 0; }
  void ForgetVanished(PageBitmap& resident) override;
  absl::Status FilterResident(PageBitmap& resident) override;
  absl::Status FetchVcpus() override;
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override;

 private:
  struct View;

  absl::StatusOr<QemuState> QueryState();

  // Turns the dirty log on where there is one that sees all writes, else off; says why in
  // log_remark_.
  absl::Status RefreshLog(const std::string& mtree, const GuestLayout& layout,
                          std::uint64_t unplugs);
  absl::Status Continue();

  // Resumes a guest that stands only because the migration for its device state ended after
  // somebody else's `cont`.
  absl::Status LeaveMigration();

  // Which pause holds now.
  enum class Hold : std::uint8_t {
    kNone,
    kForeign,    // the guest stood already: not ours to resume
    kUncertain,  // `stop` was sent, its effect is not known
    kOurs,
  };

  const GuestIdentity identity_;
  const std::unique_ptr<QmpConnection> qmp_;
  const std::shared_ptr<QemuPresence> presence_;
  const std::string address_;  // of the monitor
  ResumeTicket ticket_;        // without address while the guest stands for others' reasons
  VcpuReader vcpus_;
  std::uint64_t boot_base_ = 0;  // tells this QEMU process from others
  std::shared_ptr<QemuRam> ram_;
  std::uint64_t ram_unplugs_ = 0;  // unplugs seen before ram_ was opened
  std::unique_ptr<DirtyLog> log_;  // null: this QEMU has none
  bool logged_ = false;            // log_ is on, or will be at the first Refresh
  std::string log_remark_;
  MemoryWriters writers_;
  MemoryWriters device_writers_;  // without the disks; while devices_ stays the same
  std::string devices_;
  std::uint64_t device_unplugs_ = 0;
  std::shared_ptr<const View> view_;
  std::uint64_t view_resets_ = 0;  // resets seen when view_ was made

  Hold hold_ = Hold::kNone;
  std::uint64_t hold_resumes_ = 0;  // RESUME events seen when the pause began
};

}  // namespace stillframe
