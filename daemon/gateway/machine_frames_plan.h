// Splits the page ranges of a ReadMachineFrames call into the responses that answer it.
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

class MachineFramesPlan {
 public:
  // 256 KiB a response.
  static constexpr std::uint64_t kChunkPages = 32768;

  // Checks everything that the request asks for; errors as CheckRanges. FAILED_PRECONDITION with
  // reason NO_MACHINE_FRAMES: the page tables name guest frames.
  static absl::StatusOr<MachineFramesPlan> Create(std::shared_ptr<PinnedSnapshot> snapshot,
                                                  const v1::ReadMachineFramesRequest& request,
                                                  const ServingLimits& limits);

  struct Chunk {
    Gfn first;
    std::span<const std::uint64_t> frames;  // the snapshot keeps them
  };

  // nullopt: all was read.
  std::optional<Chunk> Next();

  const PinnedSnapshot& snapshot() const { return *snapshot_; }

 private:
  MachineFramesPlan(std::shared_ptr<PinnedSnapshot> snapshot, std::vector<GfnRange> ranges)
      : snapshot_(std::move(snapshot)), ranges_(std::move(ranges)) {}

  std::shared_ptr<PinnedSnapshot> snapshot_;
  std::vector<GfnRange> ranges_;
  std::size_t range_ = 0;
  std::uint64_t pages_ = 0;  // of it that were read
};

}  // namespace stillframe
