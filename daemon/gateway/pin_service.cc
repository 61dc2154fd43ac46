#include "gateway/pin_service.h"

#include <limits>
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
  HoldPinStream(std::unique_ptr<GatewayCall> call, std::shared_ptr<PinnedSnapshot> snapshot)
      : StreamWriter(std::move(call)), snapshot_(std::move(snapshot)) {}

 private:
  Step Next(v1::HoldPinResponse& response, absl::Status&) override {
    if (std::exchange(told_, true)) return Step::kWait;
    *response.mutable_snapshot() = snapshot_->metadata();
    call().Redact(*response.mutable_snapshot());
    return Step::kWrite;
  }

  const std::shared_ptr<PinnedSnapshot> snapshot_;
  bool told_ = false;
};

PinTable::Owner OwnerOf(const GatewayCall& call) {
  const PrincipalLimits& limits = call.limits();
  PinTable::Owner owner;
  owner.principal = call.principal();
  owner.pins = limits.pins_max == 0
                   ? Quota::Bound{"pins_per_client_max", call.context().limits.pins_per_client_max}
                   : Quota::Bound{"quota.pins_max", limits.pins_max};
  owner.pinned_bytes = {"quota.pinned_bytes_max", limits.pinned_bytes_max == 0
                                                      ? std::numeric_limits<std::uint64_t>::max()
                                                      : limits.pinned_bytes_max};
  return owner;
}

// Its own pins, as long as it may pin that guest; those of others where it administers the guest.
PinTable::MayChange MayChangeOf(const GatewayCall& call) {
  return [&call](const PinTable::Owner& owner, const v1::Snapshot& snapshot) {
    const Right right = owner.principal.name == call.principal().name ? Right::kPin : Right::kAdmin;
    return call.context().gate.Has(call.principal(), snapshot.guest_name(), snapshot.guest_uuid(),
                                   right);
  };
}

}  // namespace

grpc::ServerUnaryReactor* PinService::CreatePin(grpc::CallbackServerContext* grpc,
                                                const v1::CreatePinRequest* request,
                                                v1::CreatePinResponse* response) {
  GatewayCall call(context_, grpc, "PinService/CreatePin");
  const auto create = [&]() -> absl::StatusOr<v1::Pin> {
    SF_RETURN_IF_ERROR(call.Admit());
    SF_RETURN_IF_ERROR(context_.pins.CheckTtl(request->ttl_ms()));
    SF_ASSIGN_OR_RETURN(auto snapshot, call.Pin(request->snapshot(), Right::kPin));
    return context_.pins.Add(std::move(snapshot), request->ttl_ms(), OwnerOf(call));
  };
  absl::StatusOr<v1::Pin> pin = create();
  if (pin.ok()) {
    call.Redact(*pin->mutable_snapshot());
    *response->mutable_pin() = std::move(*pin);
  }
  return Answered(call, pin.status());
}

grpc::ServerUnaryReactor* PinService::RenewPin(grpc::CallbackServerContext* grpc,
                                               const v1::RenewPinRequest* request,
                                               v1::RenewPinResponse* response) {
  GatewayCall call(context_, grpc, "PinService/RenewPin");
  const auto renew = [&]() -> absl::StatusOr<v1::Pin> {
    SF_RETURN_IF_ERROR(call.Admit());
    return context_.pins.Renew(request->id(), request->ttl_ms(), MayChangeOf(call));
  };
  absl::StatusOr<v1::Pin> pin = renew();
  if (pin.ok()) {
    call.Tell(pin->snapshot());
    call.Redact(*pin->mutable_snapshot());
    *response->mutable_pin() = std::move(*pin);
  }
  return Answered(call, pin.status());
}

grpc::ServerUnaryReactor* PinService::ReleasePin(grpc::CallbackServerContext* grpc,
                                                 const v1::ReleasePinRequest* request,
                                                 v1::ReleasePinResponse*) {
  GatewayCall call(context_, grpc, "PinService/ReleasePin");
  const auto release = [&]() -> absl::Status {
    SF_RETURN_IF_ERROR(call.Admit());
    SF_ASSIGN_OR_RETURN(const auto snapshot,
                        context_.pins.Release(request->id(), MayChangeOf(call)));
    call.Tell(snapshot->metadata());
    return absl::OkStatus();
  };
  return Answered(call, release());
}

grpc::ServerWriteReactor<v1::HoldPinResponse>* PinService::HoldPin(
    grpc::CallbackServerContext* grpc, const v1::HoldPinRequest* request) {
  const auto make = [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<HoldPinStream*> {
    // A hold that ends with the call is what reading is made of.
    SF_ASSIGN_OR_RETURN(auto snapshot, call->Pin(request->snapshot(), Right::kRead));
    return new HoldPinStream(std::move(call), std::move(snapshot));
  };
  return ServeStream<v1::HoldPinResponse>(context_, grpc, "PinService/HoldPin", "hold a pin", make);
}

}  // namespace stillframe
