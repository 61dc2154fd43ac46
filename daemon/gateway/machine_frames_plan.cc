#include "gateway/machine_frames_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/page_ranges.h"

namespace stillframe {

absl::StatusOr<MachineFramesPlan> MachineFramesPlan::Create(
    std::shared_ptr<PinnedSnapshot> snapshot, const v1::ReadMachineFramesRequest& request,
    const ServingLimits& limits) {
  SF_ASSIGN_OR_RETURN(std::vector<GfnRange> ranges,
                      CheckRanges(request.ranges(), snapshot->page_count(), limits));
  if (snapshot->machine_frames().empty()) {
    return WithReason(absl::FailedPreconditionError(fmt::format(
                          "read machine frames of guest {}: its page tables name guest frames",
                          snapshot->metadata().guest_name())),
                      "NO_MACHINE_FRAMES");
  }
  return MachineFramesPlan(std::move(snapshot), std::move(ranges));
}

std::optional<MachineFramesPlan::Chunk> MachineFramesPlan::Next() {
  while (range_ < ranges_.size() && pages_ == ranges_[range_].pages) {
    ++range_;
    pages_ = 0;
  }
  if (range_ == ranges_.size()) return std::nullopt;
  const Gfn first = ranges_[range_].first + pages_;
  const std::uint64_t count = std::min(ranges_[range_].pages - pages_, kChunkPages);
  pages_ += count;
  return Chunk{first, snapshot_->machine_frames().subspan(first.value, count)};
}

}  // namespace stillframe
