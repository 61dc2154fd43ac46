#include "guardian/ledger_pause_guard.h"

#include "base/clock.h"
#include "base/status.h"

namespace stillframe {

LedgerPauseGuard::~LedgerPauseGuard() {
  if (holds_) slot().LetGo();
  link_->Unregister(index_);
}

absl::Status LedgerPauseGuard::Update(const ResumeTicket& ticket, int fd) {
  return link_->Update(index_, ticket, fd);
}

absl::Status LedgerPauseGuard::Arm(std::uint64_t deadline_ns) {
  if (!link_->guarded()) {
    return absl::UnavailableError("arm the guardian: it is not running; its restart is under way");
  }
  if (holds_ && slot().Load().state() == PauseState::kIdle) {
    // Our resume had failed; the guardian's did not.
    static_cast<void>(Disarm());
  }
  SF_ASSIGN_OR_RETURN(armed_, slot().Arm(deadline_ns, Clock::System().MonotonicNs()));
  holds_ = true;
  link_->Kick();
  return absl::OkStatus();
}

void LedgerPauseGuard::BeginResume() {
  // Lost to the guardian: Disarm will say so.
  static_cast<void>(slot().BeginResume(armed_));
}

absl::Status LedgerPauseGuard::Disarm() {
  if (!holds_) return absl::FailedPreconditionError("disarm the guardian: it is not armed");
  holds_ = false;
  if (slot().Disarm(armed_)) return absl::OkStatus();
  return absl::DeadlineExceededError("the guardian resumed the guest before the daemon did");
}

}  // namespace stillframe
