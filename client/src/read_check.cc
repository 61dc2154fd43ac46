#include "read_check.h"

#include <fmt/format.h>

namespace stillframe {

absl::Status CheckPageCount(const v1::Snapshot& snapshot) {
  if (snapshot.page_count() <= kGuestPagesMax) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("gateway answered a snapshot of {} pages, more than a guest can have ({})",
                  snapshot.page_count(), kGuestPagesMax));
}

ReadCheck::ReadCheck(std::span<const GfnRange> ranges, EmptyRuns empty)
    : ranges_(ranges.begin(), ranges.end()), empty_(empty) {}

absl::Status ReadCheck::Accept(const PageRun& run) {
  const bool present = run.status == v1::PAGE_STATUS_PRESENT;
  if (run.range.empty() || run.status == v1::PAGE_STATUS_UNSPECIFIED ||
      run.range.pages > kGuestPagesMax || run.bytes.size() != (present ? run.range.bytes() : 0)) {
    return absl::DataLossError(fmt::format(
        "gateway answered {} pages at gfn {:#x} with {} bytes, status {}", run.range.pages,
        run.range.first.value, run.bytes.size(), static_cast<int>(run.status)));
  }
  for (; index_ < ranges_.size(); ++index_, pages_ = 0) {
    const GfnRange& range = ranges_[index_];
    const Gfn next = range.first + pages_;
    const bool fits = run.range.first >= next && run.range.first < range.end() &&
                      run.range.pages <= range.end().value - run.range.first.value;
    if (fits && (run.range.first == next || empty_ == EmptyRuns::kSkip)) {
      pages_ = run.range.end().value - range.first.value;
      return absl::OkStatus();
    }
    if (pages_ < range.pages && empty_ == EmptyRuns::kReport) break;
  }
  return absl::DataLossError(fmt::format("gateway answered {} pages at gfn {:#x} out of turn",
                                         run.range.pages, run.range.first.value));
}

absl::Status ReadCheck::Finish() const {
  if (empty_ == EmptyRuns::kSkip) return absl::OkStatus();
  std::size_t index = index_;
  std::uint64_t pages = pages_;
  while (index < ranges_.size() && pages == ranges_[index].pages) {
    ++index;
    pages = 0;
  }
  if (index >= ranges_.size()) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("gateway left out pages from gfn {:#x} on", ranges_[index].first.value + pages));
}

}  // namespace stillframe
