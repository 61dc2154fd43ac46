#include "gateway/page_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

absl::StatusOr<GfnRange> CheckRange(const v1::PageRange& range, std::uint64_t page_count) {
  const std::uint64_t first = range.first_gfn();
  const std::uint64_t pages = range.page_count();
  if (pages == 0 || first + pages < first) {
    return WithReason(
        absl::InvalidArgumentError(fmt::format(
            "read {} pages at gfn {:#x}: {}", pages, first,
            pages == 0 ? "a range needs at least one page" : "the range ends past 2^64")),
        "RANGE_INVALID");
  }
  if (first + pages > page_count) {
    return WithReason(
        absl::OutOfRangeError(fmt::format("read {} pages at gfn {:#x}: the snapshot has {} pages",
                                          pages, first, page_count)),
        "RANGE_PAST_END", {{"page_count", std::to_string(page_count)}});
  }
  return GfnRange{Gfn{first}, pages};
}

}  // namespace

absl::StatusOr<std::vector<GfnRange>> CheckRanges(
    const google::protobuf::RepeatedPtrField<v1::PageRange>& wanted, std::uint64_t page_count,
    const ServingLimits& limits) {
  if (static_cast<std::uint64_t>(wanted.size()) > limits.request_ranges_max) {
    return LimitExceeded(fmt::format("read {} ranges", wanted.size()), "request_ranges_max",
                         limits.request_ranges_max);
  }
  std::vector<GfnRange> ranges;
  ranges.reserve(static_cast<std::size_t>(std::max(1, wanted.size())));
  for (const v1::PageRange& range : wanted) {
    SF_ASSIGN_OR_RETURN(const GfnRange checked, CheckRange(range, page_count));
    ranges.push_back(checked);
  }
  if (ranges.empty() && page_count > 0) ranges.push_back({Gfn{0}, page_count});
  return ranges;
}

}  // namespace stillframe
