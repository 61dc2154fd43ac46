#include "gateway/gateway_metrics.h"

#include "base/reason.h"

namespace stillframe {
namespace {

constexpr char kOther[] = "other";

bool IsDenial(absl::StatusCode code) {
  return code == absl::StatusCode::kPermissionDenied ||
         code == absl::StatusCode::kUnauthenticated || code == absl::StatusCode::kResourceExhausted;
}

}  // namespace

void GatewayMetrics::CallEnded(std::string_view method, std::string_view principal,
                               const absl::Status& status) {
  const std::string code = absl::StatusCodeToString(status.code());
  {
    MutexLock lock(mu_);
    Call call{std::string(method), code};
    if (calls_.size() >= kSeriesMax && !calls_.contains(call)) call.method = kOther;
    ++calls_[call];
  }
  if (!IsDenial(status.code())) return;
  const Reason reason = ReasonOf(status);
  const auto limit = reason.metadata.find("limit");
  Denied(principal, reason.name.empty() ? code : reason.name,
         limit == reason.metadata.end() ? "" : limit->second);
}

void GatewayMetrics::Denied(std::string_view principal, std::string_view reason,
                            std::string_view limit) {
  if (principal.empty()) principal = "unknown";
  MutexLock lock(mu_);
  if (!principals_.contains(principal)) {
    if (principals_.size() < kPrincipalsMax) {
      principals_.emplace(principal);
    } else {
      principal = kOther;
    }
  }
  Denial denial{std::string(principal), std::string(reason), std::string(limit)};
  if (denials_.size() >= kSeriesMax && !denials_.contains(denial)) denial = {kOther, kOther, ""};
  ++denials_[denial];
}

std::map<GatewayMetrics::Call, std::uint64_t> GatewayMetrics::calls() const {
  MutexLock lock(mu_);
  return calls_;
}

std::map<GatewayMetrics::Denial, std::uint64_t> GatewayMetrics::denials() const {
  MutexLock lock(mu_);
  return denials_;
}

}  // namespace stillframe
