#include "gateway/read_plan.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "gateway/page_ranges.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kChunkBytesDefault = std::uint64_t{1} << 20;
constexpr std::uint64_t kChunkBytesMin = std::uint64_t{64} << 10;

// Looking at this many page map entries takes a few milliseconds.
constexpr std::uint64_t kPagesPerStepMax = std::uint64_t{1} << 22;

std::uint64_t ChunkPages(std::uint32_t requested, std::uint64_t bytes_max) {
  const std::uint64_t bytes = requested == 0 ? kChunkBytesDefault : requested;
  return std::clamp(bytes, kChunkBytesMin, std::max(bytes_max, kChunkBytesMin)) >> kPageShift;
}

}  // namespace

absl::StatusOr<ReadPlan> ReadPlan::Create(std::shared_ptr<PinnedSnapshot> snapshot,
                                          const v1::ReadPagesRequest& request,
                                          const ServingLimits& limits) {
  SF_ASSIGN_OR_RETURN(std::vector<GfnRange> ranges,
                      CheckRanges(request.ranges(), snapshot->page_count(), limits));
  return ReadPlan(std::move(snapshot), std::move(ranges),
                  ChunkPages(request.chunk_bytes(), limits.chunk_bytes_max), request.skip_empty());
}

ReadPlan::ReadPlan(std::shared_ptr<PinnedSnapshot> snapshot, std::vector<GfnRange> ranges,
                   std::uint64_t chunk_pages, bool skip_empty)
    : snapshot_(std::move(snapshot)),
      ranges_(std::move(ranges)),
      chunk_pages_(chunk_pages),
      skip_empty_(skip_empty),
      at_(ranges_.empty() ? Gfn{} : ranges_.front().first) {}

Gfn ReadPlan::Bound(Gfn end, std::uint64_t pages) const {
  return Gfn{std::min(end.value, at_.value + pages)};
}

ReadPlan::Step ReadPlan::Next(ReadChunk& chunk) {
  std::uint64_t looked_at = 0;
  while (range_ < ranges_.size()) {
    const Gfn end = ranges_[range_].end();
    if (at_ == end) {
      if (++range_ < ranges_.size()) at_ = ranges_[range_].first;
      continue;
    }
    if (looked_at >= kPagesPerStepMax) return Step::kYield;

    // A present run is looked at no further than it is sent at once: else a long one would be
    // walked anew for every chunk.
    PinnedSnapshot::Run run = snapshot_->RunAt(at_, Bound(end, chunk_pages_));
    if (run.state != PageState::kPresent) run = snapshot_->RunAt(at_, Bound(end, kPagesPerStepMax));
    looked_at += run.range.pages;
    if (run.state == PageState::kPresent) {
      TakePresent(end, run, chunk);
      at_ = chunk.range.end();
      return Step::kChunk;
    }
    at_ = run.range.end();
    if (skip_empty_) continue;
    chunk.range = run.range;
    chunk.state = run.state;
    chunk.pieces.clear();
    return Step::kChunk;
  }
  return Step::kEnd;
}

void ReadPlan::TakePresent(Gfn end, PinnedSnapshot::Run run, ReadChunk& chunk) const {
  chunk.range = {at_, 0};
  chunk.state = PageState::kPresent;
  chunk.pieces.clear();
  const Gfn limit = Bound(end, chunk_pages_);
  while (true) {
    chunk.pieces.emplace_back(run.bytes, run.range.bytes());
    chunk.range.pages += run.range.pages;
    if (chunk.range.end() == limit) return;
    run = snapshot_->RunAt(chunk.range.end(), limit);
    if (run.state != PageState::kPresent) return;
  }
}

std::uint64_t ReadPlan::bytes() const {
  std::uint64_t pages = 0;
  for (const GfnRange& range : ranges_) pages += range.pages;
  return pages << kPageShift;
}

}  // namespace stillframe
