// Answers RawRequests on plain sockets or under TLS, one thread a connection: what a server could
// reach at best that sends the same memory without a protocol.
//
// Serves to the end of the process.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/server/byte_socket.h"
#include "pki/certificate_authority.h"

namespace stillframe::bench {

// Guest memory in the order of its addresses, in pieces of one size, a power of two.
using MemoryPieces = std::vector<std::span<const std::byte>>;

// Returns its address. `tls`: null for none.
absl::StatusOr<std::string> StartRawServer(const std::string& listen, const Credential* tls,
                                           const MemoryPieces& memory);

}  // namespace stillframe::bench
