// A reader's connection to the daemon on this host.
//
// Thread-safe. One background thread receives. After the daemon is gone every call fails with
// UNAVAILABLE (reason DAEMON_UNAVAILABLE), yet snapshots that are mapped stay readable: connect
// anew and carry on by generation. Errors carry the daemon's reasons (base/reason.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "local/pinned_snapshot.h"
#include "stillframe/local/v1/local.pb.h"
#include "stillframe/v1/event.pb.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

class LocalClient {
 public:
  // Connects and says hello. NOT_FOUND: no such socket; PERMISSION_DENIED: who may connect is in
  // the message; UNAVAILABLE: nobody listens.
  static absl::StatusOr<std::unique_ptr<LocalClient>> Connect(const std::string& socket_path);

  // Ends the connection, and with it its pins: snapshots stay mapped, but CheckHeld fails once
  // their memory is recycled. Not to be called from a callback.
  virtual ~LocalClient() = default;

  virtual absl::StatusOr<std::vector<v1::Guest>> ListGuests() = 0;
  virtual absl::StatusOr<std::vector<v1::Snapshot>> ListSnapshots(std::string_view guest) = 0;
  virtual absl::StatusOr<v1::Snapshot> GetSnapshot(const v1::SnapshotSelector& selector) = 0;

  // Pins and maps a generation. It is unpinned when the last copy of the pointer goes. `ttl` 0:
  // for as long as the connection lives.
  virtual absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Pin(const v1::SnapshotSelector& selector,
                                                              std::chrono::milliseconds ttl) = 0;

  // Extends a pin with a TTL. NOT_FOUND with reason PIN_NOT_FOUND: too late.
  virtual absl::Status Renew(const PinnedSnapshot& snapshot, std::chrono::milliseconds ttl) = 0;

  // An open capture or watch. Destroying it cancels; no callback runs after the destructor.
  class Operation {
   public:
    virtual ~Operation() = default;
  };

  // `done` runs once, on the receiving thread (before this returns when the connection is lost
  // already), and must not block or wait for an answer.
  virtual std::unique_ptr<Operation> Capture(
      std::string_view guest, std::function<void(absl::StatusOr<v1::Snapshot>)> done) = 0;

  struct WatchHandler {
    std::function<void()> on_established;
    std::function<void(const v1::SnapshotEvent&)> on_event;
    std::function<void(absl::Status)> on_end;  // never OK; the last call
  };

  // Callbacks run where those of Capture do. Empty `guest`: all guests.
  virtual std::unique_ptr<Operation> Watch(std::string_view guest, std::uint64_t from_generation,
                                           std::string_view epoch, WatchHandler handler) = 0;

  virtual absl::StatusOr<local::v1::Stats> GetStats() = 0;

  // False once the connection is lost.
  virtual bool connected() const = 0;
};

}  // namespace stillframe
