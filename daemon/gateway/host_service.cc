#include "gateway/host_service.h"

#include <utility>

#include "base/status.h"
#include "gateway/gateway_call.h"
#include "gateway/unary.h"

namespace stillframe {
namespace {

// Sums over all guests tell of guests that the caller may not list.
v1::Host WithoutLoad(const v1::Host& host) {
  v1::Host told;
  told.mutable_daemon()->set_version(host.daemon().version());
  told.mutable_daemon()->set_uptime_ms(host.daemon().uptime_ms());
  told.mutable_daemon()->set_wall_time_ns(host.daemon().wall_time_ns());
  told.mutable_gateway()->set_version(host.gateway().version());
  told.mutable_gateway()->set_uptime_ms(host.gateway().uptime_ms());
  return told;
}

}  // namespace

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
  *response->mutable_host() =
      context_.gate.SeesEveryGuest(call.principal()) ? *std::move(host) : WithoutLoad(*host);
  return Answered(call, absl::OkStatus());
}

}  // namespace stillframe
