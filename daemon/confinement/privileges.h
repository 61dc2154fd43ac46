// What this process may do beyond an ordinary user: seen, judged, given up.
//
// Call before threads exist: the kernel keeps capabilities per thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe {

// Sets of capabilities are bit masks, as the kernel counts them (linux/capability.h).
using CapabilitySet = std::uint64_t;

// "CAP_SYS_PTRACE, CAP_BPF"; an unknown one as its number. Empty: "none".
std::string NamesOf(CapabilitySet capabilities);

// All that this process has, effective or not, and could take.
absl::StatusOr<CapabilitySet> HeldCapabilities();

// Why this process is more than what parses strangers' bytes may be: its user is root, it has a
// capability, holds or may open a device that reaches a hypervisor or memory, or may write to the
// system's files. One sentence each; empty: nothing.
absl::StatusOr<std::vector<std::string>> ExcessOfGateway();

// The capabilities that stillframed uses with these backends: simulated guests need but the one by
// which the guardian exempts itself from the OOM killer.
struct BackendsInUse {
  bool qemu = false;  // looks into other users' processes, connects to their sockets
  bool xen = false;   // xenstored's socket
};
CapabilitySet NeededByStillframed(const BackendsInUse& backends);

// Gives up every capability but `keep`, for good and for all programs started later, and what
// comes by other groups than `group`. Raises the limits of locked memory and priority that the
// guardian needs; where it may not, CAP_IPC_LOCK and CAP_SYS_NICE are kept for it. Sets
// no_new_privs. FAILED_PRECONDITION when it cannot, and has more than stillframed ever needs.
absl::Status GiveUpAllBut(CapabilitySet keep, const std::string& group);

// Neither debuggers nor other processes of its user may look into this process any more.
absl::Status HideFromPeers();

}  // namespace stillframe
