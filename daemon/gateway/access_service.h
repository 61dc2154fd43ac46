// stillframe.v1.AccessService.
#pragma once

#include "gateway/gateway_call.h"
#include "stillframe/v1/access_service.grpc.pb.h"

namespace stillframe {

class AccessService final : public v1::AccessService::CallbackService {
 public:
  explicit AccessService(GatewayContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* WhoAmI(grpc::CallbackServerContext* grpc,
                                   const v1::WhoAmIRequest* request,
                                   v1::WhoAmIResponse* response) override;

 private:
  GatewayContext& context_;
};

}  // namespace stillframe
