// The torn-page check over the memory of a guest that is open.
#pragma once

#include "absl/status/statusor.h"
#include "base/status.h"
#include "guest/guest.h"
#include "introspect/torn_pages.h"

namespace stillframe {

// All frames of `view` that have bytes behind them.
inline absl::StatusOr<PageBitmap> ResidentPages(Guest& guest, const GuestView& view) {
  PageBitmap resident(view.map.page_count());
  for (const MappedExtent& extent : view.extents) resident.SetRange(extent.range);
  SF_RETURN_IF_ERROR(guest.FilterResident(resident));
  return resident;
}

// Calls `visit(Gfn, std::span<const std::byte, kPageBytes>)` for each resident page, ascending.
template <typename Visit>
absl::Status ForEachResidentPage(Guest& guest, const GuestView& view, Visit&& visit) {
  SF_ASSIGN_OR_RETURN(const PageBitmap resident, ResidentPages(guest, view));
  absl::Status status;
  for (const MappedExtent& extent : view.extents) {
    resident.ForEachRun(extent.range, [&](GfnRange run) {
      for (Gfn gfn = run.first; status.ok() && gfn < run.end(); gfn = gfn + 1) {
        const std::uint64_t page = gfn.value - extent.range.first.value;
        status = visit(
            gfn, std::span<const std::byte, kPageBytes>(extent.at + page * kPageBytes, kPageBytes));
      }
    });
  }
  return status;
}

inline absl::StatusOr<TornVerdict> CheckGuestMemory(Guest& guest, const GuestView& view,
                                                    std::uint64_t expected) {
  return CheckTornPages(
      [&](const PageVisitor& visit) {
        return ForEachResidentPage(
            guest, view,
            [&visit](Gfn, std::span<const std::byte, kPageBytes> page) { return visit(page); });
      },
      expected);
}

}  // namespace stillframe
