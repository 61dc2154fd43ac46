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
}

PausedGuest::~PausedGuest() { static_cast<void>(Resume()); }

absl::Status PausedGuest::Resume() {
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
