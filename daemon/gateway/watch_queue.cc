#include "gateway/watch_queue.h"

#include <algorithm>

namespace stillframe {
namespace {

// Guests and epochs told apart in what was missed; the rest is summed up without naming a guest.
constexpr std::size_t kMissedMax = 256;

}  // namespace

void WatchQueue::Push(const v1::SnapshotEvent& event) {
  MutexLock lock(mu_);
  if (missed_.empty() && events_.size() < events_max_) {
    events_.push_back(event);
  } else {
    Sum(event);
  }
}

void WatchQueue::Sum(const v1::SnapshotEvent& event) {
  std::pair key(event.guest_uuid(), event.epoch());
  const bool named = missed_.size() < kMissedMax || missed_.contains(key);
  if (!named) key = {};
  v1::SnapshotEvent& sum = missed_[key];
  if (named) {
    sum.set_guest_uuid(event.guest_uuid());
    sum.set_guest_name(event.guest_name());
    sum.set_epoch(event.epoch());
  }
  v1::Missed& missed = *sum.mutable_missed();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t events = 1;
  if (event.has_published()) {
    first = last = event.published().generation();
  } else if (event.has_missed()) {
    first = event.missed().first_generation();
    last = event.missed().last_generation();
    events = event.missed().events();
  }
  missed.set_events(missed.events() + events);
  if (!named || first == 0) return;
  missed.set_first_generation(
      missed.first_generation() == 0 ? first : std::min(missed.first_generation(), first));
  missed.set_last_generation(std::max(missed.last_generation(), last));
}

std::optional<v1::SnapshotEvent> WatchQueue::Pop() {
  MutexLock lock(mu_);
  if (events_.empty()) {
    for (auto& [key, sum] : missed_) events_.push_back(std::move(sum));
    missed_.clear();
  }
  if (events_.empty()) return std::nullopt;
  v1::SnapshotEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace stillframe
