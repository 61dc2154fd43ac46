// A guest that stands still for as long as this object lives, and runs afterwards on every path.
//
// Owned by the capture worker's thread.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "base/clock.h"
#include "guest/guest.h"
#include "guest/pause_guard.h"

namespace stillframe {

class PausedGuest {
 public:
  // Arms the guard, then pauses. `status()` says whether the guest stands.
  PausedGuest(Guest& guest, PauseGuard& guard, std::uint64_t deadline_ns, const Clock& clock);

  // Resumes, if Resume was not called.
  ~PausedGuest();

  PausedGuest(const PausedGuest&) = delete;
  PausedGuest& operator=(const PausedGuest&) = delete;

  const absl::Status& status() const { return status_; }

  // Resumes the guest. OK only when it stood still from the pause until now.
  absl::Status Resume();

  // CLOCK_MONOTONIC just before the pause call, and after the resume call returned (0: not yet).
  std::uint64_t paused_ns() const { return paused_ns_; }
  std::uint64_t resumed_ns() const { return resumed_ns_; }

 private:
  Guest& guest_;
  PauseGuard& guard_;
  const Clock& clock_;
  absl::Status status_;
  bool armed_ = false;
  bool borrowed_ = false;  // somebody else's pause: ours to use, not to end
  std::uint64_t paused_ns_ = 0;
  std::uint64_t resumed_ns_ = 0;
};

}  // namespace stillframe
