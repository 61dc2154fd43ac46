#include "gateway/gateway_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::size_t kPermitsMax = 64;

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

Quota::Bound StreamBound(const ServingLimits& limits, const PrincipalLimits& of_principal) {
  if (of_principal.streams_max != 0) return {"quota.streams_max", of_principal.streams_max};
  return {"streams_per_client_max", limits.streams_per_client_max};
}

}  // namespace

GatewayCall::GatewayCall(const GatewayContext& context, grpc::CallbackServerContext* call,
                         std::string_view method)
    : context_(context), call_(call), begin_ns_(context.clock.MonotonicNs()) {
  record_.wall_time_ns = context.clock.WallNs();
  record_.method = method;
}

GatewayCall::~GatewayCall() {
  if (!place_.has_value()) return;
  if (!ended_) End(absl::CancelledError("the caller went away"));
  record_.duration_us = (context_.clock.MonotonicNs() - begin_ns_) / 1000;
  place_->Put(std::move(record_));
}

absl::Status GatewayCall::Identify() {
  SF_ASSIGN_OR_RETURN(AuditLog::Place place, context_.audit.Reserve());
  place_.emplace(std::move(place));
  caller_version_ = context_.callers.version();
  policy_version_ = context_.gate.policy_version();
  const absl::Status identified = context_.callers.Identify(*call_, caller_);
  record_.peer = caller_.peer;
  SF_RETURN_IF_ERROR(identified);
  record_.principal = caller_.principal.name;
  limits_ = context_.gate.LimitsOf(caller_.principal);
  return absl::OkStatus();
}

absl::Status GatewayCall::Admit() {
  SF_RETURN_IF_ERROR(Identify());
  return context_.gate.Enter(caller_.principal);
}

absl::Status GatewayCall::AdmitStream(std::string_view attempt) {
  SF_RETURN_IF_ERROR(Admit());
  SF_ASSIGN_OR_RETURN(stream_, context_.streams->Take(attempt, caller_.principal.name,
                                                      StreamBound(context_.limits, limits_)));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Guest>> GatewayCall::ListGuests() {
  return context_.gate.ListGuests(caller_.principal);
}

absl::StatusOr<v1::Guest> GatewayCall::GetGuest(const std::string& guest) {
  record_.guest_name = guest;
  SF_ASSIGN_OR_RETURN(v1::Guest found, context_.gate.GetGuest(caller_.principal, guest));
  record_.guest_name = found.name();
  record_.guest_uuid = found.uuid();
  return found;
}

absl::StatusOr<std::string> GatewayCall::Authorize(const std::string& guest, Right right) {
  record_.guest_name = guest;
  return context_.gate.Authorize(caller_.principal, guest, right);
}

absl::StatusOr<std::shared_ptr<PinnedSnapshot>> GatewayCall::Pin(
    const v1::SnapshotSelector& selector, Right right) {
  record_.guest_name = selector.guest();
  record_.generation = selector.generation();
  SF_ASSIGN_OR_RETURN(auto snapshot, context_.gate.Pin(caller_.principal, selector, right));
  const v1::Snapshot& metadata = snapshot->metadata();
  Tell(metadata);
  const bool known = std::any_of(permits_.begin(), permits_.end(), [&](const Permit& permit) {
    return permit.guest_uuid == metadata.guest_uuid() && permit.right == right;
  });
  if (!known) {
    if (permits_.size() == kPermitsMax) permits_.erase(permits_.begin());
    permits_.push_back({metadata.guest_name(), metadata.guest_uuid(), right});
  }
  return snapshot;
}

bool GatewayCall::MaySee(const std::string& guest_name, const std::string& guest_uuid) const {
  return context_.gate.Has(caller_.principal, guest_name, guest_uuid, Right::kList);
}

absl::Status GatewayCall::CheckStill() {
  const std::uint64_t caller_version = context_.callers.version();
  const std::uint64_t policy_version = context_.gate.policy_version();
  if (caller_version == caller_version_ && policy_version == policy_version_) {
    return absl::OkStatus();
  }
  SF_RETURN_IF_ERROR(context_.callers.Check(caller_));
  SF_RETURN_IF_ERROR(context_.gate.Enter(caller_.principal));
  for (const Permit& permit : permits_) {
    SF_RETURN_IF_ERROR(
        context_.gate.Check(caller_.principal, permit.guest_name, permit.guest_uuid, permit.right));
  }
  caller_version_ = caller_version;
  policy_version_ = policy_version;
  return absl::OkStatus();
}

bool GatewayCall::Revoked() const {
  return !context_.callers.Check(caller_).ok() || !context_.gate.Enter(caller_.principal).ok();
}

void GatewayCall::Redact(v1::Snapshot& snapshot) const {
  if (!context_.gate.Has(caller_.principal, snapshot.guest_name(), snapshot.guest_uuid(),
                         Right::kRead)) {
    snapshot.clear_vcpus();
  }
}

void GatewayCall::Tell(const v1::Snapshot& snapshot) {
  record_.guest_name = snapshot.guest_name();
  record_.guest_uuid = snapshot.guest_uuid();
  record_.epoch = snapshot.epoch();
  record_.generation = snapshot.generation();
}

absl::Status GatewayCall::CheckRequestBytes(std::uint64_t bytes) const {
  const std::uint64_t max = limits_.request_bytes_max;
  if (max == 0 || bytes <= max) return absl::OkStatus();
  return LimitExceeded(fmt::format("a request for {} bytes", bytes), "quota.request_bytes_max",
                       max);
}

void GatewayCall::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  stream_.reset();  // before the caller hears of the end: it may come with its next call at once
  context_.metrics.CallEnded(record_.method, caller_.principal.name, status);
  record_.code = CodeName(status.code());
  if (status.ok()) return;
  record_.reason = ReasonOf(status).name;
  record_.message = MessageOf(status);
}

}  // namespace stillframe
