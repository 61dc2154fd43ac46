// What all captures of a guest came to, over all its epochs: the counters that operators plot.
//
// Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "capture/pause_histogram.h"
#include "store/snapshot.h"

namespace stillframe {

struct CaptureTotals {
  // Distinct reasons that are told apart; what comes later counts as "OTHER".
  static constexpr std::size_t kReasonsMax = 16;

  std::uint64_t captures = 0;
  std::map<std::string, std::uint64_t> failures;  // by the error's reason, or its code's name
  PauseHistogram pauses;
  std::uint64_t pages_copied = 0;
  std::uint64_t pages_precopied = 0;
  std::uint64_t pages_changed = 0;
  std::uint64_t pages_unchecked = 0;
  std::uint64_t window_page_faults = 0;

  void AddCapture(const SnapshotMetadata& snapshot);
  void AddFailure(const absl::Status& failure);
};

}  // namespace stillframe
