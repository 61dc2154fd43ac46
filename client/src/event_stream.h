// One watch on one connection: what ResumingWatch strings together.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "stillframe/snapshot_watch.h"

namespace stillframe {

class EventStream {
 public:
  virtual ~EventStream() = default;

  // Blocks. UNAVAILABLE: the connection was lost. CANCELLED: after a stop request.
  virtual absl::StatusOr<v1::SnapshotEvent> Next() = 0;
};

// Connects and returns when the watch stands.
using OpenEventStream = std::function<absl::StatusOr<std::unique_ptr<EventStream>>(
    const WatchOptions& from, const std::stop_token& stop)>;

}  // namespace stillframe
