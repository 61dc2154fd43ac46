// gRPC's status as ours: canonical code, message, and the ErrorInfo of the details as a Reason.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "target.h"

namespace stillframe {

// A status that carries no reason and is UNAVAILABLE is the transport's: it becomes Unreachable.
absl::Status FromGrpc(const grpc::Status& status, const Target& target);

}  // namespace stillframe
