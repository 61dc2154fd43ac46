// stillframe.v1.HostService.
#pragma once

#include <functional>
#include <utility>

#include "gateway/gateway_context.h"
#include "stillframe/v1/host_service.grpc.pb.h"

namespace stillframe {

class HostService final : public v1::HostService::CallbackService {
 public:
  // `look` asks the daemon; any thread.
  HostService(GatewayContext& context, std::function<absl::StatusOr<v1::Host>()> look)
      : context_(context), look_(std::move(look)) {}

  grpc::ServerUnaryReactor* GetHost(grpc::CallbackServerContext* call,
                                    const v1::GetHostRequest* request,
                                    v1::GetHostResponse* response) override;

 private:
  GatewayContext& context_;
  const std::function<absl::StatusOr<v1::Host>()> look_;
};

}  // namespace stillframe
