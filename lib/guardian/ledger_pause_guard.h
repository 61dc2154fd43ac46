// The PauseGuard of one guest: a slot in the pause ledger, watched by the guardian.
//
// Owned by the thread that pauses: Arm, BeginResume and Disarm of one pause come from one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "guardian/guardian_link.h"
#include "guest/pause_guard.h"

namespace stillframe {

class LedgerPauseGuard final : public PauseGuard {
 public:
  LedgerPauseGuard(std::shared_ptr<GuardianLink> link, std::size_t index)
      : link_(std::move(link)), index_(index) {}

  // A pause that was armed and not disarmed is left to the guardian.
  ~LedgerPauseGuard() override;

  // How to resume the guest from now on; `fd` (-1: none) is copied. Call it when the guest's
  // resume_ticket() changed. FAILED_PRECONDITION while a pause is not over.
  absl::Status Update(const ResumeTicket& ticket, int fd);

  // Costs one system call. UNAVAILABLE also while the guardian is still ending an earlier pause.
  absl::Status Arm(std::uint64_t deadline_ns) override;
  void BeginResume() override;
  absl::Status Disarm() override;

 private:
  PauseSlot& slot() { return link_->ledger().slot(index_); }

  const std::shared_ptr<GuardianLink> link_;
  const std::size_t index_;
  PauseWord armed_;
  bool holds_ = false;  // armed and not disarmed: this thread has the slot's lock
};

}  // namespace stillframe
