#include "exit_code.h"

#include <string>

#include "base/reason.h"

namespace stillframe::cli {

ExitCode ExitCodeOf(const absl::Status& status) {
  const std::string reason = ReasonOf(status).name;
  if (reason == "SNAPSHOT_TORN") return ExitCode::kTorn;
  if (reason == "HOST_UNHEALTHY") return ExitCode::kUnhealthy;
  if (reason == "GUEST_NOT_FOUND" || reason == "GENERATION_NOT_YET" ||
      reason == "GENERATION_EVICTED" || reason == "NO_SNAPSHOT_YET" || reason == "GUEST_GONE") {
    return ExitCode::kNotFound;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kUnavailable:
      return ExitCode::kUnavailable;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kPermissionDenied;
    case absl::StatusCode::kCancelled:
      return ExitCode::kInterrupted;
    default:
      return ExitCode::kFailed;
  }
}

}  // namespace stillframe::cli
