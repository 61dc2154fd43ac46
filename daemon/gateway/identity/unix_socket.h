// The files of the gateway's unix sockets: who may connect, and what is left of an earlier run.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace stillframe {

// Removes a socket that nobody listens on any more. ALREADY_EXISTS: somebody does, or the path is
// something else than a socket.
absl::Status ClearStaleSocket(const std::string& path);

// Gives the socket to `group` (empty: leaves it) and sets its permissions.
absl::Status OpenSocketTo(const std::string& path, const std::string& group, std::uint32_t mode);

// While it lives, sockets that this process binds are their owner's alone. Changes the process's
// umask: one at a time.
class PrivateSockets {
 public:
  PrivateSockets();
  ~PrivateSockets();
  PrivateSockets(const PrivateSockets&) = delete;
  PrivateSockets& operator=(const PrivateSockets&) = delete;

 private:
  const std::uint32_t umask_before_;
};

}  // namespace stillframe
