// A WatchSnapshots call.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "event_stream.h"
#include "grpc_channel.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<EventStream>> OpenGrpcEventStream(
    std::shared_ptr<const GrpcChannels> channels, const WatchOptions& from,
    const std::stop_token& stop);

}  // namespace stillframe
