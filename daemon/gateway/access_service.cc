#include "gateway/access_service.h"

#include <string>

#include "gateway/unary.h"

namespace stillframe {
namespace {

void AddQuota(const char* name, std::uint64_t max, std::uint64_t taken, v1::Access& access) {
  v1::Access::Quota& quota = *access.add_quotas();
  quota.set_name(name);
  quota.set_max(max);
  quota.set_taken(taken);
}

void Describe(const GatewayCall& call, v1::Access& access) {
  const GatewayContext& context = call.context();
  const std::string& principal = call.principal().name;
  access.set_principal(principal);
  for (const std::string& alias : call.principal().aliases) access.add_aliases(alias);
  access.set_peer(call.caller().peer);
  for (const Grant& grant : context.gate.GrantsTo(call.principal())) {
    v1::Access::Grant& told = *access.add_grants();
    for (const std::string& guest : grant.guests) told.add_guests(guest);
    for (const std::string_view right : grant.rights.Names()) told.add_rights(std::string(right));
  }
  const PrincipalLimits& limits = call.limits();
  AddQuota("streams_max", limits.streams_max, context.streams->TakenBy(principal), access);
  AddQuota("inflight_bytes_max", limits.inflight_bytes_max, context.budgets.BytesOf(principal),
           access);
  AddQuota("pins_max", limits.pins_max, context.pins.PinsOf(principal), access);
  AddQuota("pinned_bytes_max", limits.pinned_bytes_max, context.pins.PinnedBytesOf(principal),
           access);
  AddQuota("captures_per_minute_max", limits.captures_per_minute_max,
           context.captures.TakenBy(principal, limits.captures_per_minute_max), access);
  AddQuota("request_bytes_max", limits.request_bytes_max, 0, access);
}

}  // namespace

grpc::ServerUnaryReactor* AccessService::WhoAmI(grpc::CallbackServerContext* grpc,
                                                const v1::WhoAmIRequest*,
                                                v1::WhoAmIResponse* response) {
  GatewayCall call(context_, grpc, "AccessService/WhoAmI");
  const absl::Status identified = call.Identify();
  if (identified.ok()) Describe(call, *response->mutable_access());
  return Answered(call, identified);
}

}  // namespace stillframe
