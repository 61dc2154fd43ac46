// Events of one guest, or of all, as they happen.
//
// Survives a lost connection: it connects again and carries on after the last generation it told
// of; what it could not see it reports as Missed. Owned by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "stillframe/v1/event.pb.h"

namespace stillframe {

struct WatchOptions {
  std::string guest;                  // UUID or name; empty: all guests
  std::uint64_t from_generation = 0;  // 0: only what happens from now on
  std::string epoch;                  // guards from_generation; empty: whatever it is now

  // How long a lost connection is tried again; 0: not at all.
  std::chrono::milliseconds reconnect_for{60'000};
};

class SnapshotWatch {
 public:
  virtual ~SnapshotWatch() = default;

  // Blocks until something happened. CANCELLED after a stop request. Any error is the last one.
  virtual absl::StatusOr<v1::SnapshotEvent> Next() = 0;
};

}  // namespace stillframe
