// One connection to a simulated guest: sends a request, waits for its reply, never past a deadline.
//
// Owned by one thread. Call neither allocates nor logs as long as it succeeds.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guest/sim/sim_wire.h"

namespace stillframe::sim {

inline constexpr std::chrono::milliseconds kCallTimeout{2000};

class SimConnection {
 public:
  // Connects to the socket at `path`. NOT_FOUND: nobody listens there (any more). UNAVAILABLE:
  // the guest accepts no connection now.
  static absl::StatusOr<SimConnection> Connect(const std::string& path);

  // Takes over a connected socket.
  explicit SimConnection(UniqueFd fd);

  int fd() const { return fd_.get(); }

  // The process at the other end, as the kernel says; 0 when it cannot tell.
  pid_t peer_pid() const;

  // Sends `request` and receives its reply's body, of exactly body.size() bytes, and exactly
  // fds.size() descriptors. Errors: what the guest answered; NOT_FOUND, the guest is gone;
  // DEADLINE_EXCEEDED; DATA_LOSS, the reply is not one to this request.
  absl::Status Call(Request request, std::span<std::byte> body, std::span<UniqueFd> fds = {},
                    std::chrono::milliseconds timeout = kCallTimeout);

  template <typename Reply>
  absl::Status CallFor(const Request& request, Reply& reply, std::span<UniqueFd> fds = {},
                       std::chrono::milliseconds timeout = kCallTimeout) {
    return Call(request, std::as_writable_bytes(std::span(&reply, 1)), fds, timeout);
  }

 private:
  UniqueFd fd_;
  std::uint64_t serial_ = 0;
};

}  // namespace stillframe::sim
