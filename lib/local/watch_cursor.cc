#include "local/watch_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "local/convert.h"
#include "local/selector.h"

namespace stillframe {
namespace {

Generation NewestOf(const SnapshotStore& store) {
  const absl::StatusOr<SnapshotPtr> newest = store.Get(Generation{});
  return newest.ok() ? (*newest)->metadata.generation : Generation{};
}

// A guest that has no store (yet) can be watched too: its UUID is found in the list.
absl::StatusOr<v1::Guest> FindListed(const GuestDirectory& directory, const std::string& name,
                                     const absl::Status& otherwise) {
  std::optional<v1::Guest> found;
  for (v1::Guest& guest : directory.ListGuests()) {
    if (guest.uuid() != name && guest.name() != name) continue;
    if (found.has_value()) return otherwise;
    found = std::move(guest);
  }
  if (!found.has_value()) return otherwise;
  return *std::move(found);
}

v1::SnapshotEvent EventOf(const GuestIdentity& guest, const Epoch& epoch) {
  v1::SnapshotEvent event;
  event.set_guest_uuid(guest.id.ToString());
  event.set_guest_name(guest.name);
  event.set_epoch(epoch.ToString());
  return event;
}

// The last generation up to `last` that is missing from `first`, which is missing itself, on:
// pinned generations can live on before evicted ones.
Generation MissingUntil(const SnapshotStore* store, Generation first, Generation last) {
  if (store == nullptr) return last;
  for (const SnapshotPtr& live : store->List()) {
    const Generation generation = live->metadata.generation;
    if (generation > first && generation <= last) return Generation{generation.value - 1};
  }
  return last;
}

}  // namespace

absl::StatusOr<WatchCursor> WatchCursor::Begin(GuestDirectory& directory,
                                               const local::v1::Watch& request) {
  WatchCursor cursor(directory);
  // Before any store is looked at: what is published from here on comes from the log, and what
  // the store has by then is told from the store and skipped in the log.
  cursor.position_ = directory.events().End();
  if (!request.guest().empty()) {
    SF_RETURN_IF_ERROR(cursor.BeginGuest(request));
    return cursor;
  }
  if (request.from_generation() != 0 || !request.epoch().empty()) {
    return absl::InvalidArgumentError(
        "watch all guests from a generation on: generations need a guest");
  }
  cursor.BeginAll();
  return cursor;
}

absl::Status WatchCursor::BeginGuest(const local::v1::Watch& request) {
  const absl::StatusOr<std::shared_ptr<SnapshotStore>> found =
      directory_->FindStore(request.guest());
  if (!found.ok()) {
    const std::string reason = ReasonOf(found.status()).name;
    if (reason != "NO_SNAPSHOT_YET" && reason != "GUEST_UNREADABLE") return found.status();
    SF_ASSIGN_OR_RETURN(const v1::Guest guest,
                        FindListed(*directory_, request.guest(), found.status()));
    const std::optional<GuestId> id = Uuid::Parse(guest.uuid());
    if (!id.has_value()) return found.status();
    SF_RETURN_IF_ERROR(CheckEpoch(request.epoch(), Epoch{}, request.guest()));
    only_ = *id;
    only_name_ = guest.name();
    told_[only_].newest = Generation{std::max<std::uint64_t>(request.from_generation(), 1) - 1};
    return absl::OkStatus();
  }

  const std::shared_ptr<SnapshotStore>& store = *found;
  SF_RETURN_IF_ERROR(CheckEpoch(request.epoch(), store->epoch(), request.guest()));
  only_ = store->guest().id;
  only_name_ = store->guest().name;
  const Generation newest = NewestOf(*store);
  const Generation from{request.from_generation()};
  Told& told = told_[only_];
  told.epoch = store->epoch();
  told.newest = newest;
  if (from.is_none()) return absl::OkStatus();
  if (from > newest) {
    told.newest = Generation{from.value - 1};
  } else {
    PushReplay(store, from, newest);
  }
  return absl::OkStatus();
}

void WatchCursor::BeginAll() {
  for (const v1::Guest& guest : directory_->ListGuests()) {
    const absl::StatusOr<std::shared_ptr<SnapshotStore>> store =
        directory_->FindStore(guest.uuid());
    if (!store.ok()) continue;
    told_[(*store)->guest().id] = Told{(*store)->epoch(), NewestOf(**store), 0};
  }
}

std::vector<v1::SnapshotEvent> WatchCursor::Next(std::size_t events_max, bool& more) {
  std::vector<v1::SnapshotEvent> events;
  TellReplay(events_max, events);
  more = true;
  if (!replays_.empty() || events.size() >= events_max) return events;

  const EventLog::Batch batch = directory_->events().Read(position_, events_max - events.size());
  if (batch.dropped > 0) {
    // The oldest event left is read by the next call, after what the store still has.
    position_ += batch.dropped;
    CatchUp(batch.dropped, events);
    return events;
  }
  more = !batch.events.empty();
  for (const SnapshotEvent& event : batch.events) {
    if (IsNews(event, position_++)) events.push_back(ToMessage(event));
  }
  return events;
}

void WatchCursor::TellReplay(std::size_t events_max, std::vector<v1::SnapshotEvent>& events) {
  while (!replays_.empty() && events.size() < events_max) {
    Replay& replay = replays_.front();
    const std::shared_ptr<SnapshotStore> store = replay.store.lock();
    v1::SnapshotEvent event = EventOf(replay.guest, replay.epoch);
    const absl::StatusOr<SnapshotPtr> snapshot =
        store != nullptr ? store->Get(replay.next) : absl::NotFoundError("the epoch is over");
    if (snapshot.ok()) {
      *event.mutable_published() = ToMessage((*snapshot)->metadata, Detail::kBrief);
      replay.next = replay.next.next();
    } else {
      const Generation until = MissingUntil(store.get(), replay.next, replay.last);
      event.mutable_missed()->set_first_generation(replay.next.value);
      event.mutable_missed()->set_last_generation(until.value);
      replay.next = until.next();
    }
    events.push_back(std::move(event));
    if (replay.next > replay.last) replays_.pop_front();
  }
}

void WatchCursor::CatchUp(std::uint64_t dropped, std::vector<v1::SnapshotEvent>& events) {
  v1::SnapshotEvent missed;
  if (!only_.is_nil()) {
    missed.set_guest_uuid(only_.ToString());
    missed.set_guest_name(only_name_);
  }
  missed.mutable_missed()->set_events(dropped);
  events.push_back(std::move(missed));

  // Read first, as in Begin: a store's new epoch is in place before the log tells of it.
  const std::uint64_t log_end = directory_->events().End();
  std::vector<std::string> guests;
  if (only_.is_nil()) {
    for (const v1::Guest& guest : directory_->ListGuests()) guests.push_back(guest.uuid());
  } else {
    guests.push_back(only_.ToString());
  }
  for (const std::string& guest : guests) {
    const absl::StatusOr<std::shared_ptr<SnapshotStore>> store = directory_->FindStore(guest);
    if (store.ok()) CatchUp(*store, log_end, events);
  }
}

void WatchCursor::CatchUp(const std::shared_ptr<SnapshotStore>& store, std::uint64_t log_end,
                          std::vector<v1::SnapshotEvent>& events) {
  Told& told = told_[store->guest().id];
  told.stale_before = log_end;
  if (told.epoch != store->epoch()) {
    v1::SnapshotEvent event = EventOf(store->guest(), store->epoch());
    event.mutable_epoch_changed();
    if (!told.epoch.is_nil()) {
      event.mutable_epoch_changed()->set_previous_epoch(told.epoch.ToString());
    }
    events.push_back(std::move(event));
    told = Told{store->epoch(), Generation{}, log_end};
  }
  const Generation newest = NewestOf(*store);
  if (newest <= told.newest) return;
  PushReplay(store, told.newest.next(), newest);
  told.newest = newest;
}

void WatchCursor::PushReplay(const std::shared_ptr<SnapshotStore>& store, Generation first,
                             Generation last) {
  replays_.push_back(Replay{store->guest(), store->epoch(), store, first, last});
}

bool WatchCursor::IsNews(const SnapshotEvent& event, std::uint64_t position) {
  if (!only_.is_nil() && event.guest.id != only_) return false;
  Told& told = told_[event.guest.id];
  const bool other_epoch = event.epoch != told.epoch;
  const bool stale = other_epoch && position < told.stale_before;
  switch (event.kind) {
    case SnapshotEvent::Kind::kPublished:
      if (stale || (!other_epoch && event.generation <= told.newest)) return false;
      if (told.epoch.is_nil() && event.generation <= told.newest) return false;
      told.epoch = event.epoch;
      told.newest = event.generation;
      return true;
    case SnapshotEvent::Kind::kEpochChanged:
      if (stale || !other_epoch) return false;
      // A guest's first epoch is the one that a watch begun before it asked about.
      if (!told.epoch.is_nil()) told.newest = Generation{};
      told.epoch = event.epoch;
      return true;
    case SnapshotEvent::Kind::kGuestGone:
      told_.erase(event.guest.id);
      return true;
    case SnapshotEvent::Kind::kEvicted:
    case SnapshotEvent::Kind::kFailed:
      return true;
  }
  return true;
}

}  // namespace stillframe
