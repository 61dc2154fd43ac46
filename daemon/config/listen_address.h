// Where the gateway accepts connections.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stillframe {

struct ListenAddress {
  enum class Kind { kUnix, kTcp };

  Kind kind = Kind::kUnix;
  std::string path;        // kUnix: absolute, fits a sockaddr_un
  std::string host;        // kTcp: a numeric address, or localhost
  std::uint16_t port = 0;  // kTcp; 0: the kernel picks one

  // Whether only this host can reach it: a unix socket, 127/8, ::1 or localhost.
  bool IsLocal() const;

  // What gRPC's AddListeningPort takes: "unix:/run/x.sock", "127.0.0.1:50051", "[::1]:50051".
  std::string ToString() const;
};

// Accepts unix:/PATH, ADDRESS:PORT with a numeric address (IPv6 in brackets), and localhost:PORT.
// INVALID_ARGUMENT: not an address.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

// The same without the result, for lists of addresses.
absl::Status CheckListenAddress(std::string_view text);

// FAILED_PRECONDITION: others could reach it over the network, which needs encryption and
// authentication; the message says what to do instead.
absl::Status CheckReach(const ListenAddress& address, bool has_tls);

// The TCP ones among them that only this host can reach. INVALID_ARGUMENT: it is none.
absl::StatusOr<ListenAddress> ParseLoopbackAddress(std::string_view text);

// Longest path that fits a sockaddr_un with its terminating NUL.
inline constexpr std::size_t kSocketPathMax = 107;

}  // namespace stillframe
