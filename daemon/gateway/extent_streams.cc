#include "gateway/extent_streams.h"

#include <utility>

namespace stillframe {
namespace {

// Some tens of KiB a response.
constexpr std::size_t kExtentsPerResponse = 4096;

v1::Snapshot Brief(const v1::Snapshot& snapshot) {
  v1::Snapshot brief = snapshot;
  brief.clear_vcpus();
  brief.clear_memory_regions();
  return brief;
}

}  // namespace

ChangedExtentsStream::ChangedExtentsStream(std::unique_ptr<GatewayCall> call,
                                           std::shared_ptr<PinnedSnapshot> base,
                                           std::shared_ptr<PinnedSnapshot> target,
                                           std::uint64_t coalesce_pages)
    : StreamWriter(std::move(call)),
      base_(std::move(base)),
      target_(std::move(target)),
      walk_(base_->slots(), target_->slots(), coalesce_pages) {}

ChangedExtentsStream::Step ChangedExtentsStream::Next(v1::ListChangedExtentsResponse& response,
                                                      absl::Status& end) {
  if (more_) {
    more_ = walk_.Next(kExtentsPerResponse, found_);
    if (more_ && found_.size() < kExtentsPerResponse) return Step::kYield;
  }
  if (described_ && found_.empty()) {
    // Were a generation recycled while it was compared, equal slots could hide a change.
    end = base_->CheckHeld();
    if (end.ok()) end = target_->CheckHeld();
    return Step::kEnd;
  }
  if (!described_) {
    *response.mutable_base() = Brief(base_->metadata());
    *response.mutable_target() = Brief(target_->metadata());
    described_ = true;
  }
  for (const GfnRange& range : found_) {
    v1::PageRange& extent = *response.add_extents();
    extent.set_first_gfn(range.first.value);
    extent.set_page_count(range.pages);
  }
  found_.clear();
  return Step::kWrite;
}

AllocatedExtentsStream::AllocatedExtentsStream(std::unique_ptr<GatewayCall> call,
                                               std::shared_ptr<PinnedSnapshot> snapshot)
    : StreamWriter(std::move(call)), snapshot_(std::move(snapshot)), walk_(snapshot_->slots()) {}

AllocatedExtentsStream::Step AllocatedExtentsStream::Next(
    v1::ListAllocatedExtentsResponse& response, absl::Status& end) {
  if (more_) {
    more_ = walk_.Next(kExtentsPerResponse, found_);
    if (more_ && found_.size() < kExtentsPerResponse) return Step::kYield;
  }
  if (described_ && found_.empty()) {
    end = snapshot_->CheckHeld();
    return Step::kEnd;
  }
  if (!described_) {
    *response.mutable_snapshot() = Brief(snapshot_->metadata());
    described_ = true;
  }
  for (const AllocatedExtent& found : found_) {
    v1::ListAllocatedExtentsResponse::Extent& extent = *response.add_extents();
    extent.set_first_gfn(found.range.first.value);
    extent.set_page_count(found.range.pages);
    extent.set_status(StatusOf(found.state));
  }
  found_.clear();
  return Step::kWrite;
}

}  // namespace stillframe
