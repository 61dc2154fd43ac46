// One PV, PVH or HVM guest of the Xen that this dom0 runs on.
//
// Owned by one thread, as Guest says. Xen counts pauses: ours nests with those that others begin
// while it holds, and a guest that stands already is not paused again, so that nothing of ours can
// outlive a crash unguarded. The pages stay mapped from one Refresh to the next.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "guest/guest.h"
#include "guest/xen/domain.h"
#include "guest/xen/foreign_memory.h"
#include "guest/xen/frame_source.h"
#include "guest/xen/grant_table.h"
#include "guest/xen/log_dirty.h"
#include "guest/xen/recent_writes.h"
#include "guest/xen/vcpu_fetch.h"
#include "guest/xen/xen_control.h"
#include "guest/xen/xen_memory.h"

namespace stillframe {

class XenGuest final : public Guest {
 public:
  // Errors as Hypervisor::Open gives them.
  static absl::StatusOr<std::unique_ptr<Guest>> Open(GuestIdentity identity, std::uint32_t domid);
  ~XenGuest() override;

  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override;
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override;
  ResumeTicket resume_ticket() const override { return ticket_; }
  absl::Status Pause() override;
  bool pause_is_ours() const override { return hold_ != Hold::kForeign; }
  absl::Status Resume() override;
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override;
  std::uint64_t EstimateDirty() override;
  std::optional<std::uint64_t> CountBackendPages() override;
  absl::Status FetchVcpus() override;
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override;

 private:
  struct View;

  XenGuest(GuestIdentity identity, std::shared_ptr<XenControl> control);

  // The domain as it is now. NOT_FOUND: it is gone. ABORTED: it is gone and rebooted as another.
  absl::StatusOr<Domain> Current() const;

  // As above, but goes over to the domain that the guest rebooted as.
  absl::StatusOr<Domain> Follow();

  absl::Status Adopt(const Domain& domain);
  void Forget();
  absl::Status RefreshMemory(const Domain& domain);
  void FindUnloggedFrames(const Domain& domain);
  void LearnXensPages();
  absl::Status MarkBackendPages(PageBitmap& dirty) const;

  // Which pause holds now.
  enum class Hold : std::uint8_t {
    kNone,
    kForeign,  // the guest stood already: not ours to resume
    kOurs,
  };

  const GuestIdentity identity_;
  const std::shared_ptr<XenControl> control_;
  std::uint32_t domid_ = 0;
  std::uint64_t boots_ = 0;
  ResumeTicket ticket_;  // without address while the guest stands for others' reasons
  std::shared_ptr<ForeignMemory> foreign_;
  std::unique_ptr<LogDirty> log_;
  bool has_log_ = false;
  std::unique_ptr<GrantTable> grants_;
  bool sees_grants_ = false;
  std::unique_ptr<FrameSource> frames_;
  std::shared_ptr<const XenMemory> memory_;
  std::shared_ptr<const View> view_;
  VcpuFetch vcpus_;

  // What is written past the log: by dom0's daemons and device models besides what is granted, and
  // by Xen itself.
  std::vector<Gfn> unlogged_;
  PageBitmap xens_;
  PageBitmap unexamined_;  // copied since it was last seen which pages are Xen's
  RecentWrites recent_;
  PageBitmap fetched_;
  std::uint64_t fetch_cpu_time_ns_ = 0;

  Hold hold_ = Hold::kNone;
  std::uint64_t hold_cpu_time_ns_ = 0;  // when the pause began
};

}  // namespace stillframe
