#include "capture/finish_phase.h"

#include "capture/page_content.h"
#include "capture/slot_releaser.h"

namespace stillframe {
namespace {

// Pages between two looks at the clock: some 0.2 ms.
constexpr std::uint64_t kPagesBetweenLooks = 256;

// Calls `visit(gfn)` for each pending page, ascending, until it returns false.
template <typename Visit>
void ForEachPending(const FinishPlan& plan, Visit visit) {
  bool go_on = true;
  for (const MappedExtent& extent : plan.view->extents) {
    plan.pending->ForEachRun(extent.range, [&](GfnRange run) {
      for (Gfn gfn = run.first; go_on && gfn < run.end(); gfn = gfn + 1) go_on = visit(gfn);
    });
  }
}

// Writes what the memory map alone decides: pages without bytes, and between regions nothing.
std::uint64_t ApplyMap(const MemoryMap& map, PageMapDraft& next) {
  std::uint64_t changed = 0;
  std::uint64_t at = 0;
  auto fill = [&](std::uint64_t end, Slot slot) {
    for (; at < end; ++at) {
      if (next.At(at) == slot) continue;
      next.Set(at, slot);
      ++changed;
    }
  };
  for (const MemoryRegion& region : map.regions()) {
    fill(region.range.first.value, kHoleSlot);
    const Slot empty = EmptySlotOf(region.kind);
    if (empty != kZeroSlot) fill(region.range.end().value, empty);
    at = region.range.end().value;
  }
  return changed;
}

// The slot that a pending page was copied to; kZeroSlot when it had no memory. `cursor` passes over
// the reserved ones.
Slot CopyOf(const FinishPlan& plan, Gfn gfn, SlotCursor& cursor) {
  if (plan.copied->Test(gfn)) return cursor.Take(1).first;
  return plan.staged->current().Test(gfn) ? plan.staged->SlotOf(gfn) : kZeroSlot;
}

// What to say of a page whose copy is in `fresh` and that was in `old`.
Slot Judge(const Arena& arena, Slot old, Slot fresh) {
  const std::byte* bytes = arena.At(fresh);
  if (old < kSlotsMax && SamePage(arena.At(old), bytes)) return old;
  return IsZeroPage(bytes) ? kZeroSlot : fresh;
}

}  // namespace

absl::Status MakeNextMap(const FinishPlan& plan, PageMapDraft& next, FinishResult& result) {
  result = {};
  result.pages_changed = ApplyMap(plan.view->map, next);

  SlotCursor cursor = plan.reserve->From(0);
  bool check = true;
  bool cancelled = false;
  std::uint64_t seen = 0;
  ForEachPending(plan, [&](Gfn gfn) {
    if (seen++ % kPagesBetweenLooks == 0) {
      cancelled = plan.cancelled->load(std::memory_order_relaxed);
      check = check && plan.clock->MonotonicNs() < plan.due_ns;
      if (cancelled) return false;
    }
    const Slot old = next.At(gfn.value);
    Slot says = CopyOf(plan, gfn, cursor);
    if (says != kZeroSlot) {
      if (check) {
        says = Judge(*plan.arena, old, says);
      } else {
        ++result.pages_unchecked;
      }
    }
    if (old != says) ++result.pages_changed;
    next.Set(gfn.value, says);
    return true;
  });
  return cancelled ? absl::CancelledError() : absl::OkStatus();
}

void FreeUnnamedSlots(const FinishPlan& plan, std::span<const Slot> next) {
  SlotReleaser releaser(*plan.arena);
  SlotCursor cursor = plan.reserve->From(0);
  ForEachPending(plan, [&](Gfn gfn) {
    const Slot taken = CopyOf(plan, gfn, cursor);
    if (taken != kZeroSlot && next[gfn.value] != taken) releaser.Add({taken, 1});
    return true;
  });
  for (SlotRun rest = cursor.Take(~0u); rest.count > 0; rest = cursor.Take(~0u)) releaser.Add(rest);
}

}  // namespace stillframe
