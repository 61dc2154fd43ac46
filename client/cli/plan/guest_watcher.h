// Watches one guest by capturing it at changing distances, for what `plan` needs to know.
//
// Owned by one thread. Captures that others ask for or that are periodic count too.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "plan/change_windows.h"
#include "plan/planner.h"
#include "session.h"

namespace stillframe::cli {

class GuestWatcher {
 public:
  GuestWatcher(const Session& session, const v1::Guest& guest) : session_(session), guest_(guest) {}

  // Blocks for so long. FAILED_PRECONDITION: fewer than three generations came.
  absl::StatusOr<GuestObservation> Watch(std::chrono::seconds time);

 private:
  absl::Status CaptureOnce();
  absl::Status See(const v1::Snapshot& snapshot);
  absl::Status SeeChanges(const v1::Snapshot& snapshot);

  const Session& session_;
  const v1::Guest guest_;
  v1::Snapshot last_;  // the newest that was seen
  ChangeWindows changes_;
  std::vector<PauseSample> pauses_;
  std::uint64_t changed_pages_ = 0;
  std::uint64_t copied_pages_ = 0;  // for those
};

}  // namespace stillframe::cli
