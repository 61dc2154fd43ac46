// What a watcher has yet to be told, bounded: at the bound it is told that it missed something.
//
// Thread-safe. Events keep their order; a Missed stands where the events that it sums up were.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "stillframe/v1/event.pb.h"

namespace stillframe {

class WatchQueue {
 public:
  explicit WatchQueue(std::size_t events_max) : events_max_(events_max) {}

  void Push(const v1::SnapshotEvent& event) ABSL_LOCKS_EXCLUDED(mu_);

  // The next one, if any.
  std::optional<v1::SnapshotEvent> Pop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Sum(const v1::SnapshotEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::size_t events_max_;
  Mutex mu_;
  std::deque<v1::SnapshotEvent> events_ ABSL_GUARDED_BY(mu_);

  // By guest and epoch, what did not fit. Told once `events_` is empty; until then everything new
  // is summed up too, or it would overtake.
  std::map<std::pair<std::string, std::string>, v1::SnapshotEvent> missed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
