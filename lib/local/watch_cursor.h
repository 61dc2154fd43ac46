// One watcher's place in the event log: what to tell it next.
//
// Owns no queue: a watcher that does not read costs nothing, and learns what it missed when it
// reads again. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"
#include "base/uuid.h"
#include "local/guest_directory.h"
#include "stillframe/local/v1/local.pb.h"
#include "stillframe/v1/event.pb.h"
#include "store/event_log.h"
#include "store/snapshot_store.h"

namespace stillframe {

class WatchCursor {
 public:
  // INVALID_ARGUMENT: a generation without a guest, or no UUID where one belongs.
  // FAILED_PRECONDITION with reason EPOCH_CHANGED. Otherwise as GuestDirectory::FindStore; a
  // guest that has no snapshot yet can be watched. `directory` must outlive the cursor.
  static absl::StatusOr<WatchCursor> Begin(GuestDirectory& directory,
                                           const local::v1::Watch& request);

  // At most `events_max` events. Every generation from the first asked for on is told exactly
  // once: as published, or within a Missed. Sets `more` to whether another call may tell more now.
  std::vector<v1::SnapshotEvent> Next(std::size_t events_max, bool& more);

 private:
  struct Told {
    Epoch epoch;
    Generation newest;               // up to here everything was told
    std::uint64_t stale_before = 0;  // log positions before it are older than what was told
  };
  // Generations that are read from the store because the log has them no more. A watcher keeps
  // no store alive.
  struct Replay {
    GuestIdentity guest;
    Epoch epoch;
    std::weak_ptr<SnapshotStore> store;
    Generation next;
    Generation last;
  };

  explicit WatchCursor(GuestDirectory& directory) : directory_(&directory) {}

  absl::Status BeginGuest(const local::v1::Watch& request);
  void BeginAll();
  void CatchUp(std::uint64_t dropped, std::vector<v1::SnapshotEvent>& events);
  void CatchUp(const std::shared_ptr<SnapshotStore>& store, std::uint64_t log_end,
               std::vector<v1::SnapshotEvent>& events);
  void PushReplay(const std::shared_ptr<SnapshotStore>& store, Generation first, Generation last);
  void TellReplay(std::size_t events_max, std::vector<v1::SnapshotEvent>& events);
  bool IsNews(const SnapshotEvent& event, std::uint64_t position);

  GuestDirectory* directory_;
  GuestId only_;  // nil: all guests
  std::string only_name_;
  std::uint64_t position_ = 0;
  std::map<GuestId, Told> told_;
  std::deque<Replay> replays_;
};

}  // namespace stillframe
