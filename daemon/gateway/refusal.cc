#include "gateway/refusal.h"

#include <fmt/format.h>

#include <map>
#include <string>

#include "base/reason.h"

namespace stillframe {

absl::Status LimitExceeded(std::string_view attempt, std::string_view limit, std::uint64_t max,
                           std::uint64_t retry_ms) {
  std::map<std::string, std::string> metadata = {{"limit", std::string(limit)},
                                                 {"max", std::to_string(max)}};
  if (retry_ms != 0) metadata["retry_ms"] = std::to_string(retry_ms);
  return WithReason(
      absl::ResourceExhaustedError(fmt::format("{}: the gateway's {} is {}", attempt, limit, max)),
      "LIMIT_EXCEEDED", metadata);
}

absl::Status RequestInvalid(std::string_view message) {
  return WithReason(absl::InvalidArgumentError(std::string(message)), "REQUEST_INVALID");
}

absl::Status PinNotFound() {
  return WithReason(
      absl::NotFoundError("no such pin: it expired, was released, or its generation was lost"),
      "PIN_NOT_FOUND");
}

absl::Status GuestNotFound(std::string_view guest) {
  return WithReason(absl::NotFoundError(fmt::format("no guest is called \"{}\"", guest)),
                    "GUEST_NOT_FOUND", {{"guest", std::string(guest)}});
}

absl::Status RightMissing(std::string_view principal, std::string_view right,
                          std::string_view guest) {
  return WithReason(absl::PermissionDeniedError(fmt::format("{} lacks the right \"{}\" on guest {}",
                                                            principal, right, guest)),
                    "RIGHT_MISSING", {{"right", std::string(right)}});
}

absl::Status NothingGranted(std::string_view principal) {
  return WithReason(
      absl::PermissionDeniedError(fmt::format("the gateway's policy grants {} nothing", principal)),
      "NOTHING_GRANTED", {{"principal", std::string(principal)}});
}

absl::Status IdentityInvalid(std::string_view why) {
  return WithReason(absl::UnauthenticatedError(std::string(why)), "IDENTITY_INVALID");
}

}  // namespace stillframe
