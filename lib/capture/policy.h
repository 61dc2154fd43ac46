// How one guest is captured.
#pragma once

#include <cstdint>

namespace stillframe {

struct CapturePolicy {
  std::uint64_t period_ms = 1000;      // between the starts of captures; 0: on demand only
  std::uint64_t generations_max = 16;  // kept without a pin
  std::uint64_t arena_bytes_max = 0;   // 0: twice the guest's memory and a half
  std::uint64_t pause_deadline_ms =
      0;  // the guardian ends longer pauses; 0: 500 and as much per GiB of the guest
  std::uint64_t pause_budget_ms = 10;  // longer pauses are shortened by pre-copy; 0: no pre-copy
  std::uint64_t downtime_percent_max = 25;  // of the time, by periodic captures; 0: no limit
  std::uint64_t pin_age_ms_max = 0;         // 0: pins may be renewed for ever
};

// Whether and how one guest is captured.
struct GuestPolicy {
  bool capture = true;  // false: listed, never paused
  CapturePolicy policy;
};

}  // namespace stillframe
