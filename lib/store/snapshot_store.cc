#include "store/snapshot_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

// Live generations beyond retention are pinned ones; every pin holds at most one.
std::uint32_t LiveMax(const Retention& retention) {
  return static_cast<std::uint32_t>(retention.generations_max + retention.pins_max + 2);
}

bool NamesSlot(std::span<const Slot> slots, std::size_t page, Slot slot) {
  return page < slots.size() && slots[page] == slot;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotStore>> SnapshotStore::Create(
    GuestIdentity guest, Epoch epoch, std::shared_ptr<Arena> arena, Retention retention,
    const Clock& clock, EventLog& events) {
  SF_ASSIGN_OR_RETURN(auto control, ControlPage::Create(LiveMax(retention)));
  return std::unique_ptr<SnapshotStore>(new SnapshotStore(
      std::move(guest), epoch, std::move(arena), retention, clock, events, std::move(control)));
}

SnapshotStore::SnapshotStore(GuestIdentity guest, Epoch epoch, std::shared_ptr<Arena> arena,
                             Retention retention, const Clock& clock, EventLog& events,
                             std::unique_ptr<ControlPage> control)
    : guest_(std::move(guest)),
      epoch_(epoch),
      arena_(std::move(arena)),
      retention_(retention),
      clock_(clock),
      events_(events),
      control_(std::move(control)) {}

// Whoever reads on finds his pin lost: after this the arena may be wiped.
SnapshotStore::~SnapshotStore() {
  if (!arena_->wipes()) return;
  MutexLock lock(mu_);
  for (const auto& [generation, live] : live_) control_->End(live.snapshot->liveness_index);
}

absl::StatusOr<SnapshotPtr> SnapshotStore::Publish(
    SnapshotMetadata metadata, std::span<const Slot> slots,
    std::shared_ptr<const MachineFrames> machine_frames) {
  SF_ASSIGN_OR_RETURN(PageMap pages, PageMap::Seal("stillframe-map", slots));
  return Publish(std::move(metadata), std::move(pages), std::move(machine_frames));
}

absl::StatusOr<SnapshotPtr> SnapshotStore::Publish(
    SnapshotMetadata metadata, PageMap pages, std::shared_ptr<const MachineFrames> machine_frames) {
  const std::size_t page_count = pages.slots().size();
  if (machine_frames != nullptr && machine_frames->frames().size() != page_count) {
    return absl::InvalidArgumentError(fmt::format("publish {} machine frames for {} pages",
                                                  machine_frames->frames().size(), page_count));
  }
  metadata.frame_space = machine_frames == nullptr ? FrameSpace::kGuest : FrameSpace::kMachine;
  const Generation generation = metadata.generation;
  SnapshotPtr published;
  std::vector<SnapshotEvent> events;
  {
    MutexLock lock(mu_);
    if (generation != newest_.next()) {
      return absl::FailedPreconditionError(fmt::format("publish generation {} after generation {}",
                                                       generation.value, newest_.value));
    }
    SF_ASSIGN_OR_RETURN(const std::uint32_t index, control_->Bear(generation));
    published = std::make_shared<const Snapshot>(
        Snapshot{std::move(metadata), std::move(pages), std::move(machine_frames), arena_, index});
    live_.emplace(generation, Live{published, 0});
    newest_ = generation;
    SnapshotEvent event;
    event.kind = SnapshotEvent::Kind::kPublished;
    event.guest = guest_;
    event.epoch = epoch_;
    auto brief = std::make_shared<SnapshotMetadata>(published->metadata);
    brief->vcpus = {};
    brief->map = {};
    event.published = std::move(brief);
    event.generation = generation;
    pending_events_.push_back(std::move(event));
    events = TakeEvents();
  }
  Announce(std::move(events));
  // Readers wait for the new generation, not for what goes with the old ones.
  {
    MutexLock lock(mu_);
    ApplyRetention();
    events = TakeEvents();
  }
  Announce(std::move(events));
  return published;
}

bool SnapshotStore::MakeRoom(std::uint64_t slots) {
  bool enough = false;
  std::vector<SnapshotEvent> events;
  {
    MutexLock lock(mu_);
    for (;;) {
      enough = arena_->CanReserve(slots);
      if (enough) break;
      const Generation newest = newest_;
      auto victim = std::find_if(live_.begin(), live_.end(), [newest](const auto& entry) {
        return entry.second.pins == 0 && entry.first != newest;
      });
      if (victim == live_.end()) break;
      Evict(victim);
    }
    events = TakeEvents();
  }
  Announce(std::move(events));
  return enough;
}

absl::Status SnapshotStore::Missing(Generation number) const {
  if (live_.empty()) {
    return WithReason(absl::NotFoundError(fmt::format("guest {} has no snapshot yet", guest_.name)),
                      "NO_SNAPSHOT_YET");
  }
  if (number > newest_) {
    return WithReason(absl::NotFoundError(fmt::format(
                          "generation {} of guest {} was not taken yet; the newest is {}",
                          number.value, guest_.name, newest_.value)),
                      "GENERATION_NOT_YET", {{"latest_generation", fmt::to_string(newest_.value)}});
  }
  const Generation oldest = live_.begin()->first;
  return WithReason(
      absl::OutOfRangeError(fmt::format("generation {} of guest {} was evicted; the oldest is {}",
                                        number.value, guest_.name, oldest.value)),
      "GENERATION_EVICTED", {{"oldest_generation", fmt::to_string(oldest.value)}});
}

absl::StatusOr<SnapshotPtr> SnapshotStore::Get(Generation number) const {
  MutexLock lock(mu_);
  const auto found = live_.find(number.is_none() ? newest_ : number);
  if (found == live_.end()) return Missing(number);
  return found->second.snapshot;
}

std::vector<SnapshotPtr> SnapshotStore::List() const {
  MutexLock lock(mu_);
  std::vector<SnapshotPtr> snapshots;
  snapshots.reserve(live_.size());
  for (const auto& [generation, live] : live_) snapshots.push_back(live.snapshot);
  return snapshots;
}

std::uint64_t SnapshotStore::ExpiryOf(const Hold& hold, std::uint64_t ttl_ms) const {
  std::uint64_t expires_ns = 0;
  if (ttl_ms > 0) expires_ns = clock_.MonotonicNs() + ttl_ms * kNsPerMs;
  if (retention_.pin_age_ms_max > 0) {
    const std::uint64_t age_end_ns = hold.created_ns + retention_.pin_age_ms_max * kNsPerMs;
    expires_ns = expires_ns == 0 ? age_end_ns : std::min(expires_ns, age_end_ns);
  }
  return expires_ns;
}

absl::StatusOr<SnapshotStore::Pinned> SnapshotStore::Pin(Generation number, std::uint64_t ttl_ms) {
  MutexLock lock(mu_);
  const auto found = live_.find(number.is_none() ? newest_ : number);
  if (found == live_.end()) return Missing(number);
  if (holds_.size() >= retention_.pins_max) {
    return WithReason(
        absl::ResourceExhaustedError(fmt::format("guest {} has {} pins, as many as there may be",
                                                 guest_.name, holds_.size())),
        "LIMIT_EXCEEDED", {{"limit", "pins_max"}});
  }
  Hold hold;
  hold.generation = found->first;
  hold.created_ns = clock_.MonotonicNs();
  hold.expires_ns = ExpiryOf(hold, ttl_ms);
  const PinId pin{next_pin_++};
  holds_.emplace(pin, hold);
  ++found->second.pins;
  return Pinned{pin, found->second.snapshot, hold.expires_ns};
}

absl::Status SnapshotStore::Renew(PinId pin, std::uint64_t ttl_ms) {
  MutexLock lock(mu_);
  const auto found = holds_.find(pin);
  if (found == holds_.end()) {
    return WithReason(absl::NotFoundError("the pin has expired or was released"), "PIN_NOT_FOUND");
  }
  found->second.expires_ns = ExpiryOf(found->second, ttl_ms);
  return absl::OkStatus();
}

void SnapshotStore::Release(PinId pin) {
  std::vector<SnapshotEvent> events;
  {
    MutexLock lock(mu_);
    const auto found = holds_.find(pin);
    if (found == holds_.end()) return;
    const Generation generation = found->second.generation;
    holds_.erase(found);
    Unpin(generation);
    ApplyRetention();
    events = TakeEvents();
  }
  Announce(std::move(events));
}

std::uint64_t SnapshotStore::ExpirePins() {
  const std::uint64_t now_ns = clock_.MonotonicNs();
  std::uint64_t next_ns = 0;
  std::vector<SnapshotEvent> events;
  {
    MutexLock lock(mu_);
    for (auto it = holds_.begin(); it != holds_.end();) {
      const std::uint64_t expires_ns = it->second.expires_ns;
      if (expires_ns != 0 && expires_ns <= now_ns) {
        Unpin(it->second.generation);
        it = holds_.erase(it);
        continue;
      }
      if (expires_ns != 0) next_ns = next_ns == 0 ? expires_ns : std::min(next_ns, expires_ns);
      ++it;
    }
    ApplyRetention();
    events = TakeEvents();
  }
  Announce(std::move(events));
  return next_ns;
}

std::uint64_t SnapshotStore::pin_count() const {
  MutexLock lock(mu_);
  return holds_.size();
}

void SnapshotStore::Unpin(Generation generation) {
  const auto found = live_.find(generation);
  if (found != live_.end()) --found->second.pins;
}

void SnapshotStore::ApplyRetention() {
  const std::uint64_t keep = std::max<std::uint64_t>(1, retention_.generations_max);
  const std::uint64_t oldest_kept = newest_.value > keep ? newest_.value - keep + 1 : 1;
  for (auto it = live_.begin(); it != live_.end() && it->first.value < oldest_kept;) {
    const auto victim = it++;
    if (victim->second.pins == 0) Evict(victim);
  }
}

void SnapshotStore::Evict(LiveMap::iterator victim) {
  const std::span<const Slot> slots = victim->second.snapshot->pages.slots();
  std::span<const Slot> before, after;
  if (victim != live_.begin()) before = std::prev(victim)->second.snapshot->pages.slots();
  if (std::next(victim) != live_.end()) after = std::next(victim)->second.snapshot->pages.slots();

  control_->End(victim->second.snapshot->liveness_index);

  // Content that stayed the same kept its slot, so the generations that name a slot at a frame
  // follow each other without a gap: looking at both neighbours is enough.
  SlotRun run;
  for (std::size_t page = 0; page < slots.size(); ++page) {
    const Slot slot = slots[page];
    if (slot >= kSlotsMax || NamesSlot(before, page, slot) || NamesSlot(after, page, slot))
      continue;
    const bool joins =
        run.count > 0 && slot == run.first + run.count && slot % arena_->slots_per_segment() != 0;
    if (joins) {
      ++run.count;
      continue;
    }
    if (run.count > 0) arena_->Free(run);
    run = {slot, 1};
  }
  if (run.count > 0) arena_->Free(run);

  SnapshotEvent event;
  event.kind = SnapshotEvent::Kind::kEvicted;
  event.guest = guest_;
  event.epoch = epoch_;
  event.generation = victim->first;
  live_.erase(victim);
  event.oldest = live_.empty() ? Generation{} : live_.begin()->first;
  pending_events_.push_back(std::move(event));
}

std::vector<SnapshotEvent> SnapshotStore::TakeEvents() {
  return std::exchange(pending_events_, {});
}

void SnapshotStore::Announce(std::vector<SnapshotEvent> events) {
  for (SnapshotEvent& event : events) events_.Append(std::move(event));
}

}  // namespace stillframe
