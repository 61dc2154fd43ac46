#include "grpc_status.h"

#include <map>
#include <string>

#include "base/reason.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace stillframe {
namespace {

constexpr char kDomain[] = "stillframe";

}  // namespace

absl::Status FromGrpc(const grpc::Status& status, const Target& target) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) {
      google::rpc::ErrorInfo info;
      if (!any.UnpackTo(&info) || info.domain() != kDomain) continue;
      return WithReason(result, info.reason(), {info.metadata().begin(), info.metadata().end()});
    }
  }
  return absl::IsUnavailable(result) ? Unreachable(result, target) : result;
}

}  // namespace stillframe
