// The refusals that are the gateway's own; the rest of its errors are the daemon's.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace stillframe {

// RESOURCE_EXHAUSTED, LIMIT_EXCEEDED: `attempt` would pass the bound called `limit`.
absl::Status LimitExceeded(std::string_view attempt, std::string_view limit, std::uint64_t max);

// INVALID_ARGUMENT, REQUEST_INVALID.
absl::Status RequestInvalid(std::string_view message);

// NOT_FOUND, PIN_NOT_FOUND.
absl::Status PinNotFound();

}  // namespace stillframe
