// Ends a unary call that was answered on the spot.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "gateway/gateway_call.h"
#include "gateway/grpc_status.h"

namespace stillframe {

inline grpc::ServerUnaryReactor* Answered(GatewayCall& call, const absl::Status& status) {
  call.End(status);
  grpc::ServerUnaryReactor* const reactor = call.grpc()->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace stillframe
