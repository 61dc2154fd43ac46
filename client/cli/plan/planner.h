// From what was seen of a guest to how it should be captured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/change_curve.h"
#include "plan/pause_model.h"

namespace stillframe::cli {

struct GuestObservation {
  bool dirty_log = false;              // else every pause copies all resident pages
  std::uint64_t guest_pages = 0;       // that have a content, zero or not
  std::uint64_t pages_with_bytes = 0;  // of the newest generation: what it holds in the arena
  std::vector<ChangeSample> changes;
  std::vector<PauseSample> pauses;

  // Of all captures: pages copied, in pauses and before, for each page that had changed. More than
  // 1: pages are written with what they held.
  double copied_per_changed = 1;
};

struct PlanWishes {
  double downtime_percent = 1;                    // of the time that the guest may be paused
  std::optional<double> pause_ms = std::nullopt;  // the longest pause wished for
  std::uint64_t generations = 16;                 // to keep
};

// What one period would cost.
struct PeriodCost {
  std::uint64_t period_ms = 0;
  double changed_pages = 0;     // in a period
  double pause_ms = 0;          // typical, without rounds of copying before it
  double slow_pause_ms = 0;     // nine of ten are no longer
  double downtime_percent = 0;  // by slow pauses
  double copied_bytes_per_s = 0;
  std::uint64_t memory_bytes = 0;  // of the generations to keep and the next one
};

struct Plan {
  std::vector<PeriodCost> costs;  // by period
  std::size_t chosen = 0;         // the shortest within the wished downtime, else the longest
  bool within_downtime = false;
  std::uint64_t pause_budget_ms = 0;  // 0: pauses are short enough, or a budget could not help
  bool within_pause = true;           // with that budget, if a pause was wished for
  std::uint64_t arena_bytes_max = 0;
};

// `seen.pauses` must not be empty.
Plan MakePlan(const GuestObservation& seen, const PlanWishes& wishes);

}  // namespace stillframe::cli
