// What the local server serves: the daemon's guests and their stores.
//
// Thread-safe; no member blocks on a guest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "stillframe/v1/guest.pb.h"
#include "store/event_log.h"
#include "store/snapshot_store.h"

namespace stillframe {

class GuestDirectory {
 public:
  using CaptureDone = std::function<void(absl::StatusOr<SnapshotPtr>)>;
  using CaptureId = std::uint64_t;

  virtual ~GuestDirectory() = default;

  // By name, then UUID.
  virtual std::vector<v1::Guest> ListGuests() const = 0;

  // The store of the current epoch of the guest with this UUID or unambiguous name. NOT_FOUND
  // (reason GUEST_NOT_FOUND), INVALID_ARGUMENT (GUEST_NAME_AMBIGUOUS), FAILED_PRECONDITION
  // (GUEST_UNREADABLE), NOT_FOUND (NO_SNAPSHOT_YET).
  virtual absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(
      std::string_view guest) const = 0;

  // Asks the guest's worker for a snapshot. `done` is called exactly once, on another thread or
  // before this returns.
  virtual CaptureId RequestCapture(std::string_view guest, CaptureDone done) = 0;

  // `done` gets CANCELLED unless it was called already.
  virtual void CancelCapture(CaptureId id) = 0;

  virtual EventLog& events() = 0;
};

}  // namespace stillframe
