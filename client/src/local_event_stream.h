// A watch over the local protocol.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "event_stream.h"
#include "local/client.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<EventStream>> OpenLocalEventStream(
    std::shared_ptr<LocalClient> client, const WatchOptions& from, const std::stop_token& stop);

}  // namespace stillframe
