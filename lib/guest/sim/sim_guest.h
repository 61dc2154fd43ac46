// A simulated guest, seen from the daemon: its RAM, dirty bitmap and status page are mapped, the
// rest goes over its socket.
//
// Owned by one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "base/unique_fd.h"
#include "guest/guest.h"
#include "guest/sim/sim_connection.h"
#include "guest/sim/sim_wire.h"

namespace stillframe {

class SimGuest final : public Guest {
 public:
  // Connects to the guest at `path`. NOT_FOUND: `identity` does not live there.
  static absl::StatusOr<std::unique_ptr<Guest>> Open(const std::string& path,
                                                     const GuestIdentity& identity);

  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override {
    return {.dirty_log = true, .consistency = Consistency::kInstantaneous};
  }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override;
  ResumeTicket resume_ticket() const override { return ticket_; }
  int resume_fd() const override { return resume_connection_.fd(); }
  absl::Status Pause() override;
  absl::Status Resume() override;
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override;

  // Also faults the dirty pages into the mapping, so that the pause window does not have to.
  std::uint64_t EstimateDirty() override;
  absl::Status FilterResident(PageBitmap& resident) override;
  absl::Status FetchVcpus() override;
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override;

 private:
  struct View;

  SimGuest(GuestIdentity identity, sim::SimConnection control, sim::SimConnection resume);
  absl::Status Attach(const std::string& path);
  absl::Status AttachMachineFrames();
  absl::Status StartLog();
  absl::StatusOr<std::shared_ptr<const View>> BuildView() const;
  std::string Describe(std::string_view attempt) const;
  sim::Request RequestOf(sim::Command command) const;
  std::span<std::atomic<std::uint64_t>> log() const;
  const sim::StatusPage& status_page() const;

  const GuestIdentity identity_;
  sim::SimConnection control_;
  sim::SimConnection resume_connection_;  // never used here: the guardian's way in
  ResumeTicket ticket_;

  std::uint64_t guest_pages_ = 0;
  UniqueFd ram_fd_;
  std::shared_ptr<const Mapping> ram_;  // shared with views
  Mapping dirty_;
  Mapping status_;
  Mapping machine_frames_;  // empty: page tables name guest frames
  std::uint64_t log_owner_ = 0;

  std::shared_ptr<const View> view_;
  PageBitmap faulted_in_;  // frames whose page in ram_ this process has touched

  bool may_hold_pause_ = false;
  bool pause_acknowledged_ = false;
  std::uint64_t stand_ = 0;  // while pause_acknowledged_

  // Held so that the pause window need not find memory for them.
  sim::DescribeReply layout_;
  sim::VcpusReply vcpus_;
};

}  // namespace stillframe
