#include "extent_check.h"

#include <fmt/format.h>

namespace stillframe {
namespace {

absl::Status OutOfTurn(GfnRange extent, Gfn next) {
  return absl::DataLossError(
      fmt::format("gateway answered an extent of {} pages at gfn {:#x}; next is {:#x}",
                  extent.pages, extent.first.value, next.value));
}

bool EndsWithin(GfnRange extent, std::uint64_t pages) {
  return !extent.empty() && extent.first.value <= pages &&
         extent.pages <= pages - extent.first.value;
}

}  // namespace

absl::Status AllocatedExtentCheck::Accept(GfnRange extent) {
  if (extent.first != next_ || !EndsWithin(extent, page_count_)) return OutOfTurn(extent, next_);
  next_ = extent.end();
  return absl::OkStatus();
}

absl::Status AllocatedExtentCheck::Finish() const {
  if (next_.value == page_count_) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("gateway left out extents from gfn {:#x} on", next_.value));
}

absl::Status ChangedExtentCheck::Accept(GfnRange extent) {
  // The base may have had more pages than the target, but no more than any guest.
  if (extent.first < next_ || !EndsWithin(extent, kGuestPagesMax)) return OutOfTurn(extent, next_);
  next_ = extent.end();
  return absl::OkStatus();
}

}  // namespace stillframe
