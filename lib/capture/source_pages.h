// A guest's memory as it is mapped into this process: which frames have bytes, and which of them
// can be read without a page fault.
//
// Owned by the capture worker's thread.
#pragma once

#include "absl/status/status.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"

namespace stillframe {

class SourcePages {
 public:
  // Starts anew. `residency_lasts`: a frame that has host memory keeps it until
  // Guest::ForgetVanished names it, as it does where a dirty log tells of every change.
  void AdoptView(const GuestView& view, bool residency_lasts);

  // The frames of the view's extents.
  const PageBitmap& readable() const { return readable_; }

  // The frames whose bytes are mapped into this process by now.
  const PageBitmap& populated() const { return populated_; }

  // The frames that need not be asked about again; null where memory may come and go unseen.
  // Frames that the guest forgets are asked about again.
  PageBitmap* resident() { return residency_lasts_ ? &populated_ : nullptr; }

  // Removes from `set` the frames that have no host memory, and faults in the rest: first touches
  // fault in this process too, and must not happen in the pause.
  absl::Status FaultIn(Guest& guest, const GuestView& view, PageBitmap& set);

  // These were read through the mapping.
  void NoteCopied(const PageBitmap& copied) { populated_.Or(copied); }

 private:
  bool residency_lasts_ = false;
  PageBitmap readable_;
  PageBitmap populated_;
  PageBitmap asked_;
};

}  // namespace stillframe
