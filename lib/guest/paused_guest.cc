#include "guest/paused_guest.h"

namespace stillframe {

PausedGuest::PausedGuest(Guest& guest, PauseGuard& guard, std::uint64_t deadline_ns,
                         const Clock& clock)
    : guest_(guest), guard_(guard), clock_(clock) {
  status_ = guard_.Arm(deadline_ns);
  if (!status_.ok()) return;
  armed_ = true;
  paused_ns_ = clock_.MonotonicNs();
  status_ = guest_.Pause();
  if (!status_.ok()) return;
  if (!guest_.pause_is_ours()) {
    armed_ = false;
    status_ = guard_.Disarm();
    borrowed_ = true;
  } else if (clock_.MonotonicNs() >= deadline_ns) {
    // This process stood still in between: the guardian may have resumed before Pause came.
    status_ = absl::DeadlineExceededError("the guest was paused later than the pause was to end");
  }
}

PausedGuest::~PausedGuest() { static_cast<void>(Resume()); }

absl::Status PausedGuest::Resume() {
  if (borrowed_) {
    borrowed_ = false;
    const absl::Status stood = guest_.Resume();
    resumed_ns_ = clock_.MonotonicNs();
    return stood;
  }
  if (!armed_) return status_;
  armed_ = false;
  guard_.BeginResume();
  absl::Status resumed = guest_.Resume();
  resumed_ns_ = clock_.MonotonicNs();
  if (!resumed.ok() && !absl::IsAborted(resumed)) {
    // Still armed on purpose: the guardian tries by its own means when the deadline passes.
    return resumed;
  }
  const absl::Status disarmed = guard_.Disarm();
  return resumed.ok() ? disarmed : resumed;
}

}  // namespace stillframe
