// Connection to the daemon of this host, by its local protocol: snapshots are mapped, not sent.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "stillframe/connection.h"
#include "target.h"

namespace stillframe {

absl::StatusOr<std::unique_ptr<Connection>> OpenLocalConnection(const Target& target);

}  // namespace stillframe
