// The refusals that are the gateway's own; the rest of its errors are the daemon's.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace stillframe {

// RESOURCE_EXHAUSTED, LIMIT_EXCEEDED: `attempt` would pass the bound called `limit`. `retry_ms`:
// when there may be room again; 0: never, for this request.
absl::Status LimitExceeded(std::string_view attempt, std::string_view limit, std::uint64_t max,
                           std::uint64_t retry_ms = 0);

// INVALID_ARGUMENT, REQUEST_INVALID.
absl::Status RequestInvalid(std::string_view message);

// NOT_FOUND, PIN_NOT_FOUND.
absl::Status PinNotFound();

// NOT_FOUND, GUEST_NOT_FOUND: also what hides a guest from those who may not list it.
absl::Status GuestNotFound(std::string_view guest);

// PERMISSION_DENIED, RIGHT_MISSING.
absl::Status RightMissing(std::string_view principal, std::string_view right,
                          std::string_view guest);

// PERMISSION_DENIED, NOTHING_GRANTED: no grant of the policy names the principal.
absl::Status NothingGranted(std::string_view principal);

// UNAUTHENTICATED, IDENTITY_INVALID.
absl::Status IdentityInvalid(std::string_view why);

}  // namespace stillframe
