// Copies dirty pages in rounds while the guest runs, as live migration does, so that little is left
// for the pause.
//
// Owned by the capture worker's thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "capture/page_copy.h"
#include "capture/pause_cost.h"
#include "capture/source_pages.h"
#include "capture/staged_pages.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "store/snapshot_store.h"

namespace stillframe {

// What the rounds work on; the caller owns all of it.
struct PrecopyPlan {
  Guest* guest = nullptr;
  const GuestView* view = nullptr;
  SnapshotStore* store = nullptr;
  SourcePages* source = nullptr;
  PageCopy* copy = nullptr;  // prepared for all pages

  // In and out: the pages that must be copied before the next generation is whole. Rounds add
  // what the dirty log names and take nothing away: a page that was copied while the guest ran is
  // staged besides, and whatever fails, the pending set alone is enough to start again.
  PageBitmap* pending = nullptr;
  StagedPages* staged = nullptr;
  PageBitmap* fetched = nullptr;  // the rounds' own
  PageBitmap* round = nullptr;

  std::uint64_t budget_ns = 0;  // what the pause may take; 0: whatever it takes
  const PauseCost* cost = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
};

struct PrecopyResult {
  std::uint64_t rounds = 0;
  std::uint64_t pages = 0;       // copied while the guest ran, some of them more than once
  bool log_interrupted = false;  // every page is pending now
};

// Runs rounds until the rest fits the budget, or is little beside the pause's fixed part, or a
// round leaves no less than the one before it, or there is no room for more copies. `rest` is how
// many pages the pause would have to copy: before the first round, and after the last one.
// CANCELLED and the backend's errors: what is staged is of no use any more.
absl::Status RunPrecopy(const PrecopyPlan& plan, std::uint64_t& rest, PrecopyResult& result);

}  // namespace stillframe
