#include "gateway/host_service.h"

#include <utility>

#include "base/status.h"
#include "gateway/gateway_call.h"
#include "gateway/unary.h"

namespace stillframe {

grpc::ServerUnaryReactor* HostService::GetHost(grpc::CallbackServerContext* grpc,
                                               const v1::GetHostRequest*,
                                               v1::GetHostResponse* response) {
  GatewayCall call(context_, grpc, "HostService/GetHost");
  const auto look = [&]() -> absl::StatusOr<v1::Host> {
    SF_RETURN_IF_ERROR(call.Admit());
    return look_();
  };
  absl::StatusOr<v1::Host> host = look();
  if (!host.ok()) return Answered(call, host.status());
  *response->mutable_host() = *std::move(host);
  return Answered(call, absl::OkStatus());
}

}  // namespace stillframe
