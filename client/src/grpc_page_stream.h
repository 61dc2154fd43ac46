// One ReadPages call, its messages taken raw so that page bytes are not copied once more.
#pragma once

#include <span>
#include <stop_token>

#include "absl/status/status.h"
#include "grpc_channel.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

// `ranges` is not empty. Blocks until all runs went to `sink`.
absl::Status StreamPages(const GrpcChannels& channels, const v1::SnapshotSelector& selector,
                         std::span<const GfnRange> ranges, EmptyRuns empty, const RunSink& sink,
                         std::stop_token stop);

}  // namespace stillframe
