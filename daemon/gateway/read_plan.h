// Splits the page ranges of a ReadPages call into the responses that answer it.
//
// Owned by one stream. Knows nothing of transport.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"
#include "gateway/options.h"
#include "local/pinned_snapshot.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {

// One run of one state. Present runs come in pieces that are contiguous in memory, which the
// snapshot keeps.
struct ReadChunk {
  GfnRange range;
  PageState state = PageState::kPresent;
  std::vector<std::span<const std::byte>> pieces;
};

class ReadPlan {
 public:
  // Checks everything that the request asks for; errors as CheckRanges.
  static absl::StatusOr<ReadPlan> Create(std::shared_ptr<PinnedSnapshot> snapshot,
                                         const v1::ReadPagesRequest& request,
                                         const ServingLimits& limits);

  enum class Step { kChunk, kYield, kEnd };

  // Fills in the next chunk. kYield: there was much to skip, and nothing is ready yet; call again
  // after letting others have the thread. kEnd: all was read.
  Step Next(ReadChunk& chunk);

  // All that was asked for, present or not.
  std::uint64_t bytes() const;
  std::uint64_t chunk_bytes() const { return chunk_pages_ << kPageShift; }
  const std::shared_ptr<PinnedSnapshot>& snapshot() const { return snapshot_; }

 private:
  ReadPlan(std::shared_ptr<PinnedSnapshot> snapshot, std::vector<GfnRange> ranges,
           std::uint64_t chunk_pages, bool skip_empty);

  Gfn Bound(Gfn end, std::uint64_t pages) const;
  void TakePresent(Gfn end, PinnedSnapshot::Run run, ReadChunk& chunk) const;

  std::shared_ptr<PinnedSnapshot> snapshot_;
  std::vector<GfnRange> ranges_;
  std::uint64_t chunk_pages_;
  bool skip_empty_;

  std::size_t range_ = 0;
  Gfn at_;  // within ranges_[range_]
};

}  // namespace stillframe
