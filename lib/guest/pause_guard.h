// Sees to it that a paused guest is resumed even when this process cannot.
//
// Owned by the thread that pauses. The guardian's client implements it; tests use a fake.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace stillframe {

class PauseGuard {
 public:
  virtual ~PauseGuard() = default;

  // Before Pause: from now on the guest is resumed by others when this process dies or
  // `deadline_ns` (CLOCK_MONOTONIC) passes. UNAVAILABLE without a guardian: then do not pause.
  virtual absl::Status Arm(std::uint64_t deadline_ns) = 0;

  // Just before Resume: this process is about to resume by itself. [window]
  virtual void BeginResume() = 0;

  // After Resume. DEADLINE_EXCEEDED when the guardian was faster: the pause did not hold. [window]
  virtual absl::Status Disarm() = 0;
};

}  // namespace stillframe
