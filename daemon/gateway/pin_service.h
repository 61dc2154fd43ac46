// stillframe.v1.PinService.
#pragma once

#include "gateway/gateway_context.h"
#include "stillframe/v1/pin_service.grpc.pb.h"

namespace stillframe {

class PinService final : public v1::PinService::CallbackService {
 public:
  explicit PinService(GatewayContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* CreatePin(grpc::CallbackServerContext* call,
                                      const v1::CreatePinRequest* request,
                                      v1::CreatePinResponse* response) override;
  grpc::ServerUnaryReactor* RenewPin(grpc::CallbackServerContext* call,
                                     const v1::RenewPinRequest* request,
                                     v1::RenewPinResponse* response) override;
  grpc::ServerUnaryReactor* ReleasePin(grpc::CallbackServerContext* call,
                                       const v1::ReleasePinRequest* request,
                                       v1::ReleasePinResponse* response) override;
  grpc::ServerWriteReactor<v1::HoldPinResponse>* HoldPin(
      grpc::CallbackServerContext* call, const v1::HoldPinRequest* request) override;

 private:
  GatewayContext& context_;
};

}  // namespace stillframe
