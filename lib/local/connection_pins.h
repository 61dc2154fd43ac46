// The pins that one connection holds; released when it goes.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/units.h"
#include "store/snapshot_store.h"

namespace stillframe {

struct PinLimits {
  std::uint32_t pins_max = 0;
  std::uint64_t ttl_ms_max = 0;
};

class ConnectionPins {
 public:
  struct Held {
    std::shared_ptr<SnapshotStore> store;  // stays alive when the guest has moved to a new epoch
    PinId id;
    SnapshotPtr snapshot;
    std::uint64_t expires_ns = 0;  // 0: with the connection
  };

  ConnectionPins(PinLimits limits, const Clock& clock) : limits_(limits), clock_(clock) {}
  ~ConnectionPins();
  ConnectionPins(const ConnectionPins&) = delete;
  ConnectionPins& operator=(const ConnectionPins&) = delete;

  // Number of the new pin within the connection. `ttl_ms` 0: for as long as the connection lives.
  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED (limits pins_per_connection_max, pins_max),
  // INVALID_ARGUMENT with LIMIT_EXCEEDED (pin_ttl_ms_max), or as SnapshotStore::Pin.
  absl::StatusOr<std::uint64_t> Add(std::shared_ptr<SnapshotStore> store, Generation generation,
                                    std::uint64_t ttl_ms);

  // NOT_FOUND with reason PIN_NOT_FOUND.
  absl::StatusOr<const Held*> Find(std::uint64_t number) const;
  absl::Status Renew(std::uint64_t number, std::uint64_t ttl_ms);
  absl::Status Release(std::uint64_t number);

  // Releases the pins whose time is over.
  void ReleaseExpired();

  std::size_t size() const { return held_.size(); }
  void CollectStores(std::set<std::shared_ptr<SnapshotStore>>& stores) const;

 private:
  absl::Status CheckTtl(std::uint64_t ttl_ms) const;
  std::uint64_t ExpiryAfter(std::uint64_t ttl_ms) const;

  const PinLimits limits_;
  const Clock& clock_;
  std::map<std::uint64_t, Held> held_;
  std::uint64_t next_ = 1;
};

}  // namespace stillframe
