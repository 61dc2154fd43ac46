#include "gateway/pin_service.h"

#include <memory>
#include <utility>

#include "base/status.h"
#include "gateway/stream_writer.h"
#include "gateway/unary.h"

namespace stillframe {
namespace {

// Holds a snapshot for as long as the call lives.
class HoldPinStream final : public StreamWriter<v1::HoldPinResponse> {
 public:
  HoldPinStream(const GatewayContext& context, grpc::CallbackServerContext* call,
                std::unique_ptr<Quota::Lease> lease, std::shared_ptr<PinnedSnapshot> snapshot)
      : StreamWriter(context, call, std::move(lease)), snapshot_(std::move(snapshot)) {}

 private:
  Step Next(v1::HoldPinResponse& response, absl::Status&) override {
    if (std::exchange(told_, true)) return Step::kWait;
    *response.mutable_snapshot() = snapshot_->metadata();
    return Step::kWrite;
  }

  const std::shared_ptr<PinnedSnapshot> snapshot_;
  bool told_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* PinService::CreatePin(grpc::CallbackServerContext* call,
                                                const v1::CreatePinRequest* request,
                                                v1::CreatePinResponse* response) {
  const auto create = [&]() -> absl::StatusOr<v1::Pin> {
    SF_RETURN_IF_ERROR(context_.pins.CheckTtl(request->ttl_ms()));
    SF_ASSIGN_OR_RETURN(auto snapshot, context_.link.Pin(request->snapshot()));
    return context_.pins.Add(std::move(snapshot), request->ttl_ms(), call->peer());
  };
  absl::StatusOr<v1::Pin> pin = create();
  if (pin.ok()) *response->mutable_pin() = std::move(*pin);
  return Answered(call, pin.status());
}

grpc::ServerUnaryReactor* PinService::RenewPin(grpc::CallbackServerContext* call,
                                               const v1::RenewPinRequest* request,
                                               v1::RenewPinResponse* response) {
  absl::StatusOr<v1::Pin> pin = context_.pins.Renew(request->id(), request->ttl_ms());
  if (pin.ok()) *response->mutable_pin() = std::move(*pin);
  return Answered(call, pin.status());
}

grpc::ServerUnaryReactor* PinService::ReleasePin(grpc::CallbackServerContext* call,
                                                 const v1::ReleasePinRequest* request,
                                                 v1::ReleasePinResponse*) {
  return Answered(call, context_.pins.Release(request->id()));
}

grpc::ServerWriteReactor<v1::HoldPinResponse>* PinService::HoldPin(
    grpc::CallbackServerContext* call, const v1::HoldPinRequest* request) {
  const auto make = [&]() -> absl::StatusOr<HoldPinStream*> {
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("hold a pin", call->peer()));
    SF_ASSIGN_OR_RETURN(auto snapshot, context_.link.Pin(request->snapshot()));
    return new HoldPinStream(context_, call, std::move(lease), std::move(snapshot));
  };
  const absl::StatusOr<HoldPinStream*> stream = make();
  if (!stream.ok()) return RefuseStream<v1::HoldPinResponse>(stream.status());
  (*stream)->Start();
  return *stream;
}

}  // namespace stillframe
