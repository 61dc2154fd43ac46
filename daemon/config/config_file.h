// Reads a configuration file whole.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace stillframe {

// NOT_FOUND, PERMISSION_DENIED and so on as the system says; INVALID_ARGUMENT: not a regular file,
// or bigger than kConfigBytesMax.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

}  // namespace stillframe
