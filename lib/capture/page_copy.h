// One copy of a set of guest pages into reserved slots, cut into parts that threads can share.
//
// Set up by the capture worker; Do is thread-safe. Nothing but Prepare allocates.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "capture/copy_crew.h"
#include "capture/slot_reserve.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "store/arena.h"

namespace stillframe {

class PageCopy final : public SharedWork {
 public:
  // Finds memory for the parts of any set of at most `pages` pages.
  void Prepare(std::uint64_t pages);

  // Cuts `set` up. The copies go to the slots of `reserve` in ascending order of the frames, from
  // slot number `first` on; there must be enough. All of it must stay until the copy is done.
  // Returns how many pages the set has. [window]
  std::uint64_t Plan(const GuestView& view, const PageBitmap& set, const SlotReserve& reserve,
                     std::uint64_t first, const Arena& arena);

  // Copies; with the helpers of `crew` unless that is null. CANCELLED when `cancelled` turned
  // true: it is looked at after at most 2 MiB. [window]
  absl::Status Run(CopyCrew* crew, const std::atomic<bool>& cancelled);

  void Do(std::uint32_t part) override;

 private:
  struct Part {
    GfnRange range;
    std::uint64_t first_slot = 0;  // number of the reserve's slot that its first page goes to
  };

  const GuestView* view_ = nullptr;
  const PageBitmap* set_ = nullptr;
  const SlotReserve* reserve_ = nullptr;
  const Arena* arena_ = nullptr;
  const std::atomic<bool>* cancelled_ = nullptr;
  std::vector<Part> parts_;
};

}  // namespace stillframe
