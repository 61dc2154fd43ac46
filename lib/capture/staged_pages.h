// The copies that pre-copy made for the next generation while the guest ran.
//
// Owned by the capture worker's thread. Memory for it is found when it is first used; nothing else
// allocates.
#pragma once

#include <vector>

#include "capture/slot_releaser.h"
#include "guest/page_bitmap.h"
#include "store/arena.h"
#include "store/slot.h"

namespace stillframe {

class StagedPages {
 public:
  // For a guest of `pages` pages. Must hold no slots.
  void Resize(std::uint64_t pages) {
    current_ = PageBitmap(pages);
    slots_.clear();
  }

  // The pages whose copy is as new as the dirty log knows. Who learns that a page was written
  // clears its bit; the slot is kept until it is replaced or released.
  PageBitmap& current() { return current_; }
  const PageBitmap& current() const { return current_; }

  // `slot` (kZeroSlot: no memory, reads as zeros) has the page now. A slot it had goes to
  // `released`.
  void Stage(Gfn gfn, Slot slot, SlotReleaser& released) {
    if (slots_.empty()) slots_.assign(current_.size(), kHoleSlot);
    Slot& held = slots_[gfn.value];
    if (held < kSlotsMax) released.Add({held, 1});
    held = slot;
    current_.Set(gfn);
  }

  // The slot that the page has, current or not; kHoleSlot: none.
  Slot SlotOf(Gfn gfn) const { return slots_.empty() ? kHoleSlot : slots_[gfn.value]; }

  // Gives back the slots of pages that are not current any more.
  void ReleaseStale(Arena& arena) {
    SlotReleaser released(arena);
    for (std::size_t page = 0; page < slots_.size(); ++page) {
      if (slots_[page] >= kSlotsMax || current_.Test(Gfn{page})) continue;
      released.Add({slots_[page], 1});
      slots_[page] = kHoleSlot;
    }
  }

  // Gives back all.
  void Release(Arena& arena) {
    current_.ClearAll();
    ReleaseStale(arena);
  }

  // Forgets all: who took over the slots owns them.
  void Forget() {
    current_.ClearAll();
    slots_.clear();
  }

 private:
  PageBitmap current_;
  std::vector<Slot> slots_;  // by frame; empty until the first use
};

}  // namespace stillframe
