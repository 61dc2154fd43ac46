#include "capture/capture_totals.h"

#include "base/reason.h"

namespace stillframe {

void CaptureTotals::AddCapture(const SnapshotMetadata& snapshot) {
  ++captures;
  pages_copied += snapshot.pages_copied;
  pages_precopied += snapshot.precopy_pages;
  pages_changed += snapshot.pages_changed;
  pages_unchecked += snapshot.pages_unchecked;
  window_page_faults += snapshot.window_page_faults;
}

void CaptureTotals::AddFailure(const absl::Status& failure) {
  std::string kind = ReasonOf(failure).name;
  if (kind.empty()) kind = absl::StatusCodeToString(failure.code());
  if (failures.size() >= kReasonsMax && !failures.contains(kind)) kind = "OTHER";
  ++failures[kind];
}

}  // namespace stillframe
