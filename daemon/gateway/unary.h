// Ends a unary call that was answered on the spot.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "gateway/grpc_status.h"

namespace stillframe {

inline grpc::ServerUnaryReactor* Answered(grpc::CallbackServerContext* call,
                                          const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace stillframe
