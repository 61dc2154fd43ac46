// Reaching the daemon's socket, with errors that say what to do.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace stillframe {

// A connected stream socket. NOT_FOUND: no such socket; PERMISSION_DENIED: the message says who
// may connect; UNAVAILABLE: nobody listens. All with reason DAEMON_UNAVAILABLE. Blocks for at
// most 10 s, when the daemon does not accept.
absl::StatusOr<UniqueFd> ConnectUnixSocket(const std::string& path);

}  // namespace stillframe
