// A machine-readable reason on a status: what google.rpc.ErrorInfo carries to remote callers.
//
// Reasons are the ones that guest_service.proto lists.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace stillframe {

struct Reason {
  std::string name;                             // UPPER_SNAKE_CASE; empty: none was given
  std::map<std::string, std::string> metadata;  // lower_snake_case keys
};

absl::Status WithReason(absl::Status status, std::string_view name,
                        const std::map<std::string, std::string>& metadata = {});

Reason ReasonOf(const absl::Status& status);

}  // namespace stillframe
