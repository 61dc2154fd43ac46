#include "capture/source_pages.h"

#include <sys/mman.h>

#include "base/status.h"

namespace stillframe {
namespace {

// Where this host is itself a guest, its hypervisor has page tables of its own, and fills those in
// when a page is first accessed: 2 us each, which nothing else than an access spares the pause.
void TouchPages(const std::byte* at, std::uint64_t pages) {
  for (std::uint64_t i = 0; i < pages; ++i) {
    static_cast<void>(*const_cast<const volatile std::byte*>(at + (i << kPageShift)));
  }
}

}  // namespace

void SourcePages::AdoptView(const GuestView& view, bool residency_lasts) {
  residency_lasts_ = residency_lasts;
  const std::uint64_t pages = view.map.page_count();
  readable_ = PageBitmap(pages);
  for (const MappedExtent& extent : view.extents) readable_.SetRange(extent.range);
  populated_ = PageBitmap(pages);
}

absl::Status SourcePages::FaultIn(Guest& guest, const GuestView& view, PageBitmap& set) {
  asked_ = set;
  if (residency_lasts_) asked_.AndNot(populated_);
  if (asked_.Count() == 0) return absl::OkStatus();
  set.AndNot(asked_);
  SF_RETURN_IF_ERROR(guest.FilterResident(asked_));
  set.Or(asked_);
  asked_.AndNot(populated_);
  for (const MappedExtent& extent : view.extents) {
    asked_.ForEachRun(extent.range, [&](GfnRange run) {
      const std::byte* at =
          extent.at + ((run.first.value - extent.range.first.value) << kPageShift);
      if (madvise(const_cast<std::byte*>(at), run.bytes(), MADV_POPULATE_READ) != 0) return;
      TouchPages(at, run.pages);
      populated_.SetRange(run);
    });
  }
  return absl::OkStatus();
}

}  // namespace stillframe
