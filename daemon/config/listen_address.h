// Where the gateway accepts connections.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stillframe {

struct ListenAddress {
  enum class Kind { kUnix, kLoopbackTcp };

  Kind kind = Kind::kUnix;
  std::string path;        // kUnix: absolute, fits a sockaddr_un
  std::string host;        // kLoopbackTcp: 127.x.y.z, ::1 or localhost
  std::uint16_t port = 0;  // kLoopbackTcp; 0: the kernel picks one

  // What gRPC's AddListeningPort takes: "unix:/run/x.sock", "127.0.0.1:50051", "[::1]:50051".
  std::string ToString() const;
};

// Accepts unix:/PATH, 127.0.0.1:PORT (all of 127/8), [::1]:PORT and localhost:PORT.
// INVALID_ARGUMENT: not an address. FAILED_PRECONDITION: an address others could reach over the
// network, which needs encryption and authentication; the message says what to do instead.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// Longest path that fits a sockaddr_un with its terminating NUL.
inline constexpr std::size_t kSocketPathMax = 107;

}  // namespace stillframe
