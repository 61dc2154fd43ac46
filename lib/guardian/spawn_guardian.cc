#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/status.h"
#include "guardian/guardian_process.h"

extern char** environ;

namespace stillframe {
namespace {

// A copy whose number cannot collide with the child's fixed ones.
absl::StatusOr<UniqueFd> Aside(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 16));
  if (!copy.valid()) return ErrnoStatus(errno, "spawn the guardian: copy a descriptor");
  return copy;
}

class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
};

}  // namespace

absl::StatusOr<GuardianProcess> SpawnGuardian(const std::vector<std::string>& command,
                                              int ledger_fd, int kick_fd) {
  if (command.empty()) return absl::InvalidArgumentError("spawn the guardian: no command");
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return ErrnoStatus(errno, "spawn the guardian: make its control socket");
  }
  GuardianProcess guardian;
  guardian.control.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  SF_ASSIGN_OR_RETURN(const UniqueFd ledger, Aside(ledger_fd));
  SF_ASSIGN_OR_RETURN(const UniqueFd control, Aside(theirs.get()));
  SF_ASSIGN_OR_RETURN(const UniqueFd kick, Aside(kick_fd));

  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, ledger.get(), kGuardianLedgerFd);
  posix_spawn_file_actions_adddup2(&plan.actions, control.get(), kGuardianControlFd);
  posix_spawn_file_actions_adddup2(&plan.actions, kick.get(), kGuardianKickFd);
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, kGuardianKickFd + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &all);
  posix_spawnattr_setflags(
      &plan.attributes,
      static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int error = posix_spawn(&guardian.pid, command.front().c_str(), &plan.actions,
                                &plan.attributes, arguments.data(), environ);
  if (error != 0) {
    return ErrnoStatus(error, fmt::format("spawn the guardian by {}", command.front()));
  }
  guardian.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, guardian.pid, 0)));
  if (!guardian.pidfd.valid()) {
    return ErrnoStatus(errno, fmt::format("watch the guardian with pid {}", guardian.pid));
  }
  return guardian;
}

}  // namespace stillframe
