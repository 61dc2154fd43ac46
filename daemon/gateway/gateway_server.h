// The gateway as one object: link to the daemon, services, gRPC server.
//
// Thread-safe once started. Serves until Shutdown or its destructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/daemon_link.h"
#include "gateway/guest_poll.h"
#include "gateway/options.h"

namespace stillframe {

class GatewayServer {
 public:
  // Listens everywhere or nowhere. The daemon need not be there yet: until it is, calls get
  // UNAVAILABLE and health says NOT_SERVING. `on_state` is called on another thread at every
  // change of the connection to the daemon.
  static absl::StatusOr<std::unique_ptr<GatewayServer>> Start(
      const GatewayOptions& options, DaemonLink::Connector connect,
      std::function<void(DaemonLink::State)> on_state = nullptr);

  virtual ~GatewayServer() = default;

  // Where it listens, with the ports that were really bound.
  virtual const std::vector<std::string>& addresses() const = 0;

  // Where metrics are served, "127.0.0.1:9464"; empty: nowhere.
  virtual std::string metrics_address() const = 0;

  // Takes no more calls, gives open ones `grace` to end, then cancels them. Blocks.
  virtual void Shutdown(std::chrono::milliseconds grace) = 0;

  // Puts a policy in force: for calls that begin, for those that are open, and for pins.
  virtual void SetPolicy(AccessPolicy policy) = 0;

  // Reads the certificates anew. What is wrong with them; then the old ones stay in force.
  virtual absl::Status ReloadCertificates() = 0;

  // The audit log's file may have been rotated.
  virtual void ReopenAudit() = 0;

  struct Statistics {
    std::uint64_t streams = 0;
    std::uint64_t pins = 0;
    std::uint64_t inflight_bytes = 0;
    std::uint64_t stalls = 0;  // streams cancelled because their reader took nothing
  };
  virtual Statistics statistics() const = 0;

  // How the daemon's guests were a moment ago.
  virtual GuestPoll::Result guests() const = 0;
};

}  // namespace stillframe
