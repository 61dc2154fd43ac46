// The guardian: a process of its own that resumes guests when their daemon cannot.
//
// The daemon's binary runs again as its guardian, so that it has hypervisor handles of its own
// and none of the daemon's mappings. Its descriptors have fixed numbers.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guardian/rescuer.h"

namespace stillframe {

inline constexpr int kGuardianLedgerFd = 3;
inline constexpr int kGuardianControlFd = 4;
inline constexpr int kGuardianKickFd = 5;  // eventfd: look at the ledger

// What the daemon holds of its guardian.
struct GuardianProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd control;
};

// Starts `command` (its first word is the path of the program) with these descriptors and no
// others but standard output and error, in a session of its own. Returns before it is ready.
absl::StatusOr<GuardianProcess> SpawnGuardian(const std::vector<std::string>& command,
                                              int ledger_fd, int kick_fd);

// The guardian's whole life; main returns its result. Ends when the daemon is gone and its guests
// were seen to: 0, or 1 when some could not be resumed. 2: not started by SpawnGuardian. `confine`
// is called once all threads, locked memory and priorities are had; a guardian that cannot be
// confined says so and serves all the same.
int GuardianMain(const ResumerList& resumers, const LogLine& log, RescuePolicy policy = {},
                 const std::function<absl::Status()>& confine = nullptr);

// Writes a line to standard error unless that would block.
void LogToStandardError(const std::string& line);

}  // namespace stillframe
