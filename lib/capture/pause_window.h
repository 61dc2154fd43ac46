// The time in which a guest stands still, and all that is done in it.
//
// Owned by the capture worker's thread. Everything it uses is allocated and faulted in before:
// inside nothing allocates, logs, waits or does I/O other than the hypervisor's calls.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "base/clock.h"
#include "capture/copy_crew.h"
#include "capture/page_copy.h"
#include "capture/slot_reserve.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "guest/pause_guard.h"
#include "store/arena.h"

namespace stillframe {

// What a window works on; the caller owns all of it. All bitmaps have a bit for each page of the
// view's map.
struct WindowPlan {
  const GuestView* view = nullptr;
  const Arena* arena = nullptr;
  const SlotReserve* reserve = nullptr;  // where copies go, in this order

  const PageBitmap* readable = nullptr;  // the frames of the view's extents

  // In and out: frames that have host memory until the guest forgets them. Null: memory comes and
  // goes, so the guest is asked about every page.
  PageBitmap* resident = nullptr;

  // In and out: pages that must be copied before the next generation is whole. The window adds
  // what the dirty log names, and the set survives a failure, so no dirty bit is ever lost.
  PageBitmap* pending = nullptr;

  // In and out: the pending pages whose copy is at hand already (null: none). The window clears
  // those that the dirty log names and copies them again.
  PageBitmap* staged = nullptr;

  // Out: the pending pages that are not staged and have host memory: these were copied, in
  // ascending order. Clear before.
  PageBitmap* copied = nullptr;

  // The window's own; clear before.
  PageBitmap* fetched = nullptr;
  PageBitmap* unsure = nullptr;

  PageCopy* copy = nullptr;  // prepared for all pages
  CopyCrew* crew = nullptr;  // roused, or null

  std::uint64_t deadline_ms = 0;                 // of the pause; the guardian enforces it
  const std::atomic<bool>* cancelled = nullptr;  // turns true: resume at once
};

struct WindowResult {
  DirtyAnswer answer = DirtyAnswer::kLogged;  // as far as it was asked
  std::uint64_t pages_copied = 0;
  std::uint64_t pages_wanted = 0;  // more than were reserved: nothing was copied, reserve more
  std::uint64_t wall_ns = 0;
  std::uint64_t begin_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t end_ns = 0;
  std::uint64_t page_faults = 0;  // the copying threads', between the pause and the resume
};

// Pauses, reads registers, fetches the dirty set, copies, resumes. `result` is filled in as far as
// it got; its times are right whenever the guest was paused. RESOURCE_EXHAUSTED: pages_wanted did
// not fit. CANCELLED, DEADLINE_EXCEEDED, ABORTED and the backend's errors: the guest runs, try
// again.
absl::Status RunPauseWindow(Guest& guest, PauseGuard& guard, const WindowPlan& plan,
                            const Clock& clock, WindowResult& result);

}  // namespace stillframe
