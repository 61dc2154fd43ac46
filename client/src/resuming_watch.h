// A SnapshotWatch that opens a new event stream when the one it has breaks.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "event_stream.h"
#include "stillframe/snapshot_watch.h"

namespace stillframe {

// Opens the first stream; its error is the result.
absl::StatusOr<std::unique_ptr<SnapshotWatch>> StartResumingWatch(const WatchOptions& options,
                                                                  OpenEventStream open,
                                                                  std::stop_token stop);

}  // namespace stillframe
