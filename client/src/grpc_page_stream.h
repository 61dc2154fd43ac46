// One ReadPages call, its messages taken raw so that page bytes are not copied once more.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>

#include "absl/status/status.h"
#include "grpc_channel.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

inline constexpr std::uint32_t kChunkBytesDefault = std::uint32_t{1} << 20;

// `ranges` is not empty. Blocks until all runs went to `sink`. `chunk_bytes`: as in
// ReadPagesRequest.
absl::Status StreamPages(const GrpcChannels& channels, const v1::SnapshotSelector& selector,
                         std::span<const GfnRange> ranges, EmptyRuns empty, const RunSink& sink,
                         std::stop_token stop, std::uint32_t chunk_bytes = kChunkBytesDefault);

}  // namespace stillframe
