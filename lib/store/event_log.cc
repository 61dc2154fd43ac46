#include "store/event_log.h"

#include <algorithm>

namespace stillframe {

void EventLog::Append(SnapshotEvent event) {
  {
    MutexLock lock(mu_);
    ring_.push_back(std::move(event));
    if (ring_.size() > events_max_) {
      ring_.pop_front();
      ++first_;
    }
  }
  if (wake_) wake_();
}

std::uint64_t EventLog::End() const {
  MutexLock lock(mu_);
  return first_ + ring_.size();
}

EventLog::Batch EventLog::Read(std::uint64_t from, std::size_t events_max) const {
  MutexLock lock(mu_);
  Batch batch;
  if (from < first_) {
    batch.dropped = first_ - from;
    from = first_;
  }
  const std::uint64_t end = std::min<std::uint64_t>(first_ + ring_.size(), from + events_max);
  for (std::uint64_t at = from; at < end; ++at) batch.events.push_back(ring_[at - first_]);
  batch.next = std::max(from, end);
  return batch;
}

}  // namespace stillframe
