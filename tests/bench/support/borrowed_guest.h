// A guest that is opened anew under a capturer that stays: with its dirty log, or as if it had
// none.
//
// Owned by one thread; forwards every other call.
#pragma once

#include <memory>
#include <vector>

#include "guest/guest.h"

namespace stillframe::bench {

enum class UseLog { kYes, kNo };

class BorrowedGuest final : public Guest {
 public:
  explicit BorrowedGuest(UseLog use_log) : use_log_(use_log) {}

  // From now on it is `guest`, which must outlive the next call of any other member. Its first view
  // is another one, so the next capture copies everything.
  void Become(Guest& guest) { guest_ = &guest; }

  const GuestIdentity& identity() const override { return guest_->identity(); }
  GuestCapabilities capabilities() const override {
    GuestCapabilities capabilities = guest_->capabilities();
    capabilities.dirty_log = capabilities.dirty_log && use_log_ == UseLog::kYes;
    return capabilities;
  }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override { return guest_->Refresh(); }
  ResumeTicket resume_ticket() const override { return guest_->resume_ticket(); }
  int resume_fd() const override { return guest_->resume_fd(); }
  bool pause_is_ours() const override { return guest_->pause_is_ours(); }
  absl::Status Pause() override { return guest_->Pause(); }
  absl::Status Resume() override { return guest_->Resume(); }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override {
    if (use_log_ == UseLog::kNo) return DirtyAnswer::kUnknown;
    return guest_->FetchDirty(dirty);
  }
  void ForgetVanished(PageBitmap& resident) override { guest_->ForgetVanished(resident); }
  std::uint64_t EstimateDirty() override { return guest_->EstimateDirty(); }
  absl::Status FilterResident(PageBitmap& resident) override {
    return guest_->FilterResident(resident);
  }
  absl::Status FetchVcpus() override { return guest_->FetchVcpus(); }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override { return guest_->DecodeVcpus(); }

 private:
  const UseLog use_log_;
  Guest* guest_ = nullptr;
};

}  // namespace stillframe::bench
