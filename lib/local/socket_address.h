// The address of a unix socket from its path.
#pragma once

#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"

namespace stillframe {

// INVALID_ARGUMENT when `path` is empty or longer than such addresses can be (107 bytes).
absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path);

}  // namespace stillframe
