// What a target string names, and whether its socket can be reached.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe {

struct Target {
  enum class Kind { kGrpcUnix, kGrpcTcp, kLocal };

  Kind kind = Kind::kGrpcUnix;
  std::string text;     // as given
  std::string address;  // socket path, or HOST:PORT

  // INVALID_ARGUMENT: says what targets look like.
  static absl::StatusOr<Target> Parse(const std::string& text);
};

// Connects to the socket at `target.address` and hangs up: gRPC would tell less about why it
// could not. UNAVAILABLE or PERMISSION_DENIED with reason TARGET_UNREACHABLE; the message says
// what to do.
absl::Status TrySocket(const Target& target);

// `status` as the failure to reach `target`: its name in the message, the reason attached.
absl::Status Unreachable(const absl::Status& status, const Target& target);

}  // namespace stillframe
