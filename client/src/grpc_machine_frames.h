// One ReadMachineFrames call.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "grpc_channel.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

// The whole table of a snapshot of `page_count` pages. Blocks.
absl::StatusOr<std::vector<std::uint64_t>> FetchMachineFrames(const GrpcChannels& channels,
                                                              const v1::SnapshotSelector& selector,
                                                              std::uint64_t page_count,
                                                              std::stop_token stop);

}  // namespace stillframe
