// SnapshotReader over gRPC: the pin is a HoldPin stream.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "grpc_channel.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenGrpcSnapshot(
    std::shared_ptr<const GrpcChannels> channels, const v1::SnapshotSelector& selector);

}  // namespace stillframe
