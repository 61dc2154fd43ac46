// What daemon and guardian tell each other besides the ledger: which descriptor resumes a guest.
//
// A SOCK_SEQPACKET pair, non-blocking. Functions are thread-safe.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace stillframe {

enum class ControlKind : std::uint32_t {
  kReady = 1,       // guardian: it watches the ledger from now on
  kRegister = 2,    // daemon: `slot` is in use; carries its resume descriptor where it has one
  kUnregister = 3,  // daemon: forget the descriptor of `slot`
};

struct ControlMessage {
  ControlKind kind = ControlKind::kReady;
  std::uint32_t slot = 0;
  std::uint32_t connection = 0;  // ResumeTicket::connection that the descriptor belongs to
};

struct ReceivedControl {
  ControlMessage message;
  UniqueFd fd;
};

// `fd` -1: none. Does not block; UNAVAILABLE: the peer is gone or does not read.
absl::Status SendControl(int socket, const ControlMessage& message, int fd);

// Nothing: none is waiting. UNAVAILABLE: the peer closed. INVALID_ARGUMENT: it sent garbage.
absl::StatusOr<std::optional<ReceivedControl>> ReceiveControl(int socket);

}  // namespace stillframe
