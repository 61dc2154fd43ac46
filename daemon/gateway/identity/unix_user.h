// The user behind a connected unix socket.
#pragma once

#include "absl/status/statusor.h"
#include "gateway/identity/caller.h"

namespace stillframe {

// By SO_PEERCRED and SO_PEERGROUPS (socket(7), unix(7)): user and groups as they were when the
// peer connected, with the names that the host's databases give them.
absl::StatusOr<Caller> CallerBehind(int socket_fd);

}  // namespace stillframe
