// Takes the generations of one epoch: prepare, pause window, finish, publish.
//
// Owned by the guest's capture worker. After any error the next call starts from what is known to
// be right; dirty pages of a failed capture are part of the next one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "capture/copy_crew.h"
#include "capture/finish_phase.h"
#include "capture/home_node.h"
#include "capture/page_copy.h"
#include "capture/pause_cost.h"
#include "capture/pause_window.h"
#include "capture/policy.h"
#include "capture/precopy.h"
#include "capture/slot_reserve.h"
#include "capture/source_pages.h"
#include "capture/staged_pages.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "guest/pause_guard.h"
#include "store/page_map_draft.h"
#include "store/snapshot_store.h"

namespace stillframe {

class Capturer {
 public:
  // `guest`, `store` and `clock` must outlive it. `policy` leaves nothing open: no zeros but in
  // period_ms and pin_age_ms_max. `crew` (or null) helps with large copies; `home` (or null)
  // decides on which NUMA node. `cost` is what pauses are believed to cost before the first.
  Capturer(Guest& guest, SnapshotStore& store, const CapturePolicy& policy, const Clock& clock,
           CopyCrew* crew = nullptr, HomeNode* home = nullptr, const PauseCost& cost = PauseCost());

  // One generation of the guest as `view` (from Refresh, of this epoch's boot) shows it. Turning
  // `cancelled` true makes it resume the guest at once and return CANCELLED. RESOURCE_EXHAUSTED
  // with reason LIMIT_EXCEEDED: a memory bound was reached; the guest was not paused for it. At
  // `due_ns` (CLOCK_MONOTONIC) the next capture is due: what is left of the content check of a
  // dirty set is then given up.
  absl::StatusOr<SnapshotPtr> Capture(std::shared_ptr<const GuestView> view, PauseGuard& guard,
                                      CaptureTrigger trigger, const std::atomic<bool>& cancelled,
                                      std::uint64_t due_ns = ~std::uint64_t{0});

  // Does ahead what the next capture would otherwise do first. For when nobody waits; what fails is
  // tried again, and reported, by the capture.
  void MakeReady();

  // How long the guest stood still since the last call, failed captures included.
  std::uint64_t TakePausedNs() { return std::exchange(paused_ns_, 0); }

 private:
  std::string Attempt() const;  // what error messages begin with
  void AdoptView(std::shared_ptr<const GuestView> view);
  // Faults in what may be copied, and looks where it lies; returns how many pages that will be, as
  // far as is known.
  absl::StatusOr<std::uint64_t> PrepareSource();
  // Pre-copy; returns how many pages are left for the pause.
  absl::StatusOr<std::uint64_t> RunRounds(const std::atomic<bool>& cancelled);
  absl::Status Reserve(std::uint64_t pages);
  absl::Status RunWindow(PauseGuard& guard, const std::atomic<bool>& cancelled);
  absl::Status Finish(std::uint64_t due_ns, const std::atomic<bool>& cancelled);
  CaptureMethod MethodUsed() const;
  absl::Status SealMachineFrames();
  FinishPlan PlanFinish(std::uint64_t due_ns, const std::atomic<bool>& cancelled) const;
  absl::StatusOr<SnapshotPtr> Publish(CaptureTrigger trigger);
  // Makes next_ unless it is there.
  absl::Status PrepareNextMap();

  Guest& guest_;
  SnapshotStore& store_;
  const CapturePolicy policy_;
  const Clock& clock_;
  CopyCrew* const crew_;
  HomeNode* const home_;

  std::shared_ptr<const GuestView> view_;
  Generation newest_;
  bool everything_pending_ = true;  // no page is known to be as in the newest generation
  std::shared_ptr<const MachineFrames> machine_frames_;  // of view_, once they were sealed

  SnapshotPtr newest_snapshot_;
  std::optional<PageMapDraft> next_;  // as the newest generation's map, before it is made the next
  SourcePages source_;
  PageBitmap pending_;           // must be copied before the next generation is whole
  PageBitmap copied_;            // what the window copied
  StagedPages staged_;           // by pre-copy; none between captures
  PageBitmap fetched_, unsure_;  // the window's own
  PageBitmap scratch_;
  SlotReserve reserve_;
  PageCopy copy_;
  PauseCost cost_;
  PrecopyResult precopy_;
  WindowResult window_;
  std::optional<std::uint64_t> pages_backend_mapped_;
  FinishResult finish_;
  std::uint64_t paused_ns_ = 0;
};

}  // namespace stillframe
