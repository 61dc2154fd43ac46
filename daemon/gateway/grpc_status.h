// A status as gRPC sends it, with google.rpc details.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace stillframe {

grpc::Status ToGrpc(const absl::Status& status);

}  // namespace stillframe
