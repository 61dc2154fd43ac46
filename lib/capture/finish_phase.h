// After the resume: what the next generation says of every page.
//
// Owned by the capture worker's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/clock.h"
#include "capture/slot_reserve.h"
#include "capture/staged_pages.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "store/arena.h"
#include "store/page_map_draft.h"
#include "store/slot.h"

namespace stillframe {

struct FinishPlan {
  const GuestView* view = nullptr;
  Arena* arena = nullptr;
  const PageBitmap* pending = nullptr;   // the pages that may have changed
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

// Turns `next`, the newest generation's map, into that of the one after it: a page whose content
// stayed the same keeps its slot, an all-zero page gets the zero slot, another the slot of its
// copy. CANCELLED: start again from the newest generation's map and the pending set.
absl::Status MakeNextMap(const FinishPlan& plan, PageMapDraft& next, FinishResult& result);

// Gives back the reserved and the staged slots that `next` does not name.
void FreeUnnamedSlots(const FinishPlan& plan, std::span<const Slot> next);

}  // namespace stillframe
