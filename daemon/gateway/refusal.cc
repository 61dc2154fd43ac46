#include "gateway/refusal.h"

#include <fmt/format.h>

#include <string>

#include "base/reason.h"

namespace stillframe {

absl::Status LimitExceeded(std::string_view attempt, std::string_view limit, std::uint64_t max) {
  return WithReason(
      absl::ResourceExhaustedError(fmt::format("{}: the gateway's {} is {}", attempt, limit, max)),
      "LIMIT_EXCEEDED", {{"limit", std::string(limit)}, {"max", std::to_string(max)}});
}

absl::Status RequestInvalid(std::string_view message) {
  return WithReason(absl::InvalidArgumentError(std::string(message)), "REQUEST_INVALID");
}

absl::Status PinNotFound() {
  return WithReason(
      absl::NotFoundError("no such pin: it expired, was released, or its generation was lost"),
      "PIN_NOT_FOUND");
}

}  // namespace stillframe
