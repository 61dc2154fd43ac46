// What happened to the snapshots of all guests, in order, for watchers that come and go.
//
// A bounded ring: a watcher keeps a position of its own and learns when events it had not read
// were overwritten. Nobody waits for a watcher. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/uuid.h"
#include "guest/guest.h"
#include "store/snapshot.h"

namespace stillframe {

struct SnapshotEvent {
  enum class Kind : std::uint8_t { kPublished, kEvicted, kEpochChanged, kGuestGone, kFailed };

  Kind kind = Kind::kPublished;
  GuestIdentity guest;
  Epoch epoch;
  SnapshotPtr snapshot;   // kPublished
  Generation generation;  // kPublished, kEvicted
  Generation oldest;      // kEvicted: the oldest that is still there
  Epoch previous_epoch;   // kEpochChanged; nil for the first
  absl::Status error;     // kFailed
};

class EventLog {
 public:
  explicit EventLog(std::size_t events_max) : events_max_(events_max) {}

  // `wake` is called after every Append, on the appending thread, holding no lock; it must not
  // block. Set once, before the first Append.
  void SetWakeUp(std::function<void()> wake) { wake_ = std::move(wake); }

  void Append(SnapshotEvent event) ABSL_LOCKS_EXCLUDED(mu_);

  // Position after the newest event.
  std::uint64_t End() const ABSL_LOCKS_EXCLUDED(mu_);

  struct Batch {
    std::vector<SnapshotEvent> events;
    std::uint64_t next = 0;     // position to continue from
    std::uint64_t dropped = 0;  // events at `from` and after that had been overwritten
  };

  // At most `events_max` events from position `from` on.
  Batch Read(std::uint64_t from, std::size_t events_max) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::size_t events_max_;
  std::function<void()> wake_;
  mutable Mutex mu_;
  std::deque<SnapshotEvent> ring_ ABSL_GUARDED_BY(mu_);
  std::uint64_t first_ ABSL_GUARDED_BY(mu_) = 0;  // position of ring_.front()
};

}  // namespace stillframe
