// After the resume: what the next generation says of every page.
//
// Owned by the capture worker's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "capture/slot_reserve.h"
#include "capture/staged_pages.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "store/arena.h"
#include "store/slot.h"

namespace stillframe {

struct FinishPlan {
  const GuestView* view = nullptr;
  Arena* arena = nullptr;
  const std::vector<Slot>* current = nullptr;  // the newest generation's map
  const PageBitmap* pending = nullptr;         // the pages that may have changed
  const PageBitmap* copied = nullptr;    // those of them that were copied, in ascending order,
  const SlotReserve* reserve = nullptr;  // to these slots
  const StagedPages* staged = nullptr;   // and those that pre-copy copied

  // When the next capture is due (CLOCK_MONOTONIC): pages whose content was not checked by then
  // keep their copies and count as changed.
  std::uint64_t due_ns = ~std::uint64_t{0};
  const Clock* clock = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
};

struct FinishResult {
  std::uint64_t pages_changed = 0;
  std::uint64_t pages_unchecked = 0;
};

// Fills `next`: a page whose content stayed the same keeps its slot, an all-zero page gets the zero
// slot, another the slot of its copy. CANCELLED: start again from the pending set.
absl::Status MakeNextMap(const FinishPlan& plan, std::vector<Slot>& next, FinishResult& result);

// Gives back the reserved and the staged slots that `next` does not name.
void FreeUnnamedSlots(const FinishPlan& plan, const std::vector<Slot>& next);

}  // namespace stillframe
