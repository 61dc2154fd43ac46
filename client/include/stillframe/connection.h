// The way in: a connection to Stillframe, over gRPC to a gateway or by mapped memory to the daemon
// of this host.
//
// Thread-safe. Calls block; they connect again by themselves after the other side restarted.
// Errors carry reasons and metadata (base/reason.h); those of the transport are UNAVAILABLE or
// PERMISSION_DENIED, reason TARGET_UNREACHABLE, and name the target.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "stillframe/snapshot_reader.h"
#include "stillframe/snapshot_watch.h"
#include "stillframe/v1/access.pb.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/host.pb.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

inline constexpr char kDefaultTarget[] = "unix:/run/stillframe/gateway.sock";

// PEM files for a gateway that asks for TLS. All empty: plaintext.
struct TlsFiles {
  std::string ca;           // who may have signed the gateway's certificate
  std::string certificate;  // ours, with `key`; empty: none is shown
  std::string key;

  bool empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

class Connection {
 public:
  // `target` is one of
  //   unix:/run/stillframe/gateway.sock      gRPC over a unix socket
  //   HOST:PORT                              gRPC over TCP, with TLS when `tls` says so
  //   local:/run/stillframe/stillframed.sock the daemon itself: reads at memory speed
  // INVALID_ARGUMENT: none of these. Sockets are tried at once, TCP at the first call.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& target,
                                                          const TlsFiles& tls = {});

  virtual ~Connection() = default;

  // Who we are to the other side and what we may do. The daemon itself knows no principals: whoever
  // its socket lets in may do everything.
  virtual absl::StatusOr<v1::Access> WhoAmI() = 0;

  // How the daemon is and, of a gateway, how that is.
  virtual absl::StatusOr<v1::Host> GetHost() = 0;

  // By name, then UUID.
  virtual absl::StatusOr<std::vector<v1::Guest>> ListGuests() = 0;

  // `guest` is a UUID, or a name where only one guest has it.
  virtual absl::StatusOr<v1::Guest> GetGuest(const std::string& guest) = 0;

  // Oldest first, without registers and memory map.
  virtual absl::StatusOr<std::vector<v1::Snapshot>> ListSnapshots(const std::string& guest) = 0;

  // With registers and memory map, without holding it.
  virtual absl::StatusOr<v1::Snapshot> GetSnapshot(const v1::SnapshotSelector& selector) = 0;

  // Takes a snapshot now; returns when it can be read. A stop request withdraws it: CANCELLED.
  virtual absl::StatusOr<v1::Snapshot> Capture(const std::string& guest,
                                               std::stop_token stop = {}) = 0;

  // Pins a generation (0: the newest) until the reader goes. The reader keeps what it needs of
  // the connection alive.
  virtual absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSnapshot(
      const v1::SnapshotSelector& selector) = 0;

  // Returns when the watch stands. The connection must outlive it.
  virtual absl::StatusOr<std::unique_ptr<SnapshotWatch>> Watch(const WatchOptions& options,
                                                               std::stop_token stop = {}) = 0;
};

v1::SnapshotSelector Select(std::string guest, std::uint64_t generation = 0,
                            std::string epoch = {});

}  // namespace stillframe
