// stillframe.v1.GuestService.
#pragma once

#include "gateway/gateway_call.h"
#include "stillframe/v1/guest_service.grpc.pb.h"

namespace stillframe {

class GuestService final : public v1::GuestService::CallbackService {
 public:
  explicit GuestService(GatewayContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* ListGuests(grpc::CallbackServerContext* call,
                                       const v1::ListGuestsRequest* request,
                                       v1::ListGuestsResponse* response) override;
  grpc::ServerUnaryReactor* GetGuest(grpc::CallbackServerContext* call,
                                     const v1::GetGuestRequest* request,
                                     v1::GetGuestResponse* response) override;

 private:
  static absl::Status List(GatewayCall& call, const v1::ListGuestsRequest& request,
                           v1::ListGuestsResponse& response);

  GatewayContext& context_;
};

}  // namespace stillframe
