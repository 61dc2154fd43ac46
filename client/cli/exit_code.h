// What the process's exit code tells scripts; also in the man page and in --help.
#pragma once

#include "absl/status/status.h"

namespace stillframe::cli {

enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,     // no such guest or generation
  kUnavailable = 4,  // cannot connect
  kPermissionDenied = 5,
  kTorn = 6,       // verify found a snapshot torn
  kUnhealthy = 7,  // status found the host's service unhealthy
  kInterrupted = 130,
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace stillframe::cli
