// The generations of one epoch of one guest that can still be read.
//
// Thread-safe. The guest's worker publishes; anyone reads and pins. Publishing and eviction never
// wait for a reader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/units.h"
#include "base/uuid.h"
#include "store/arena.h"
#include "store/control_page.h"
#include "store/event_log.h"
#include "store/snapshot.h"

namespace stillframe {

struct Retention {
  std::uint64_t generations_max = 16;  // kept without a pin; at least 1
  std::uint64_t pins_max = 1024;       // at once, over all readers
  std::uint64_t pin_age_ms_max = 0;    // a pin ends at this age however often renewed; 0: never
};

struct PinId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(PinId, PinId) = default;
};

class SnapshotStore {
 public:
  static absl::StatusOr<std::unique_ptr<SnapshotStore>> Create(GuestIdentity guest, Epoch epoch,
                                                               std::shared_ptr<Arena> arena,
                                                               Retention retention,
                                                               const Clock& clock,
                                                               EventLog& events);
  ~SnapshotStore();

  const GuestIdentity& guest() const { return guest_; }
  const Epoch& epoch() const { return epoch_; }
  Arena& arena() const { return *arena_; }
  const ControlPage& control() const { return *control_; }

  // Makes a snapshot of `metadata` and `pages` the newest, evicts what retention says, appends the
  // events. Takes over the arena slots that `pages` names and the previous generation does not.
  // `machine_frames`, where the guest has them, are of as many pages, and decide frame_space.
  // FAILED_PRECONDITION unless its number is the newest's plus one; on errors nothing is taken.
  absl::StatusOr<SnapshotPtr> Publish(SnapshotMetadata metadata, PageMap pages,
                                      std::shared_ptr<const MachineFrames> machine_frames = nullptr)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The same with a copy of `slots`.
  absl::StatusOr<SnapshotPtr> Publish(SnapshotMetadata metadata, std::span<const Slot> slots,
                                      std::shared_ptr<const MachineFrames> machine_frames = nullptr)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Evicts unpinned generations, oldest first and never the newest, until the arena has `slots`
  // free ones or can still grow by so many. False: that was not enough.
  bool MakeRoom(std::uint64_t slots) ABSL_LOCKS_EXCLUDED(mu_);

  // Generation 0: the newest. NOT_FOUND: not published yet (reasons GENERATION_NOT_YET,
  // NO_SNAPSHOT_YET). OUT_OF_RANGE: evicted (reason GENERATION_EVICTED, "oldest_generation").
  absl::StatusOr<SnapshotPtr> Get(Generation number) const ABSL_LOCKS_EXCLUDED(mu_);

  // Oldest first.
  std::vector<SnapshotPtr> List() const ABSL_LOCKS_EXCLUDED(mu_);

  struct Pinned {
    PinId pin;
    SnapshotPtr snapshot;
    std::uint64_t expires_ns = 0;  // CLOCK_MONOTONIC; 0: only at the bound of pin_age_ms_max
  };

  // Holds a generation (errors as Get; RESOURCE_EXHAUSTED at pins_max). `ttl_ms` 0: no time limit
  // of its own.
  absl::StatusOr<Pinned> Pin(Generation number, std::uint64_t ttl_ms) ABSL_LOCKS_EXCLUDED(mu_);

  // NOT_FOUND with reason PIN_NOT_FOUND: expired or released.
  absl::Status Renew(PinId pin, std::uint64_t ttl_ms) ABSL_LOCKS_EXCLUDED(mu_);
  void Release(PinId pin) ABSL_LOCKS_EXCLUDED(mu_);

  // Drops the pins whose time is over. Returns when the next one expires (0: none).
  std::uint64_t ExpirePins() ABSL_LOCKS_EXCLUDED(mu_);

  std::uint64_t pin_count() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Live {
    SnapshotPtr snapshot;
    std::uint64_t pins = 0;
  };
  struct Hold {
    Generation generation;
    std::uint64_t created_ns = 0;
    std::uint64_t expires_ns = 0;
  };
  using LiveMap = std::map<Generation, Live>;

  SnapshotStore(GuestIdentity guest, Epoch epoch, std::shared_ptr<Arena> arena, Retention retention,
                const Clock& clock, EventLog& events, std::unique_ptr<ControlPage> control);

  absl::Status Missing(Generation number) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::uint64_t ExpiryOf(const Hold& hold, std::uint64_t ttl_ms) const;
  void Unpin(Generation generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ApplyRetention() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Evict(LiveMap::iterator victim) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<SnapshotEvent> TakeEvents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Announce(std::vector<SnapshotEvent> events) ABSL_LOCKS_EXCLUDED(mu_);

  const GuestIdentity guest_;
  const Epoch epoch_;
  const std::shared_ptr<Arena> arena_;
  const Retention retention_;
  const Clock& clock_;
  EventLog& events_;
  const std::unique_ptr<ControlPage> control_;

  mutable Mutex mu_;
  LiveMap live_ ABSL_GUARDED_BY(mu_);
  Generation newest_ ABSL_GUARDED_BY(mu_);
  std::map<PinId, Hold> holds_ ABSL_GUARDED_BY(mu_);
  std::uint64_t next_pin_ ABSL_GUARDED_BY(mu_) = 1;
  std::vector<SnapshotEvent> pending_events_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
