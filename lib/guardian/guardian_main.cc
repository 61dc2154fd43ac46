#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/status.h"
#include "guardian/control_socket.h"
#include "guardian/guardian_process.h"

namespace stillframe {
namespace {

constexpr std::size_t kWaiterStackBytes = std::size_t{256} * 1024;

void IgnoreSignals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
  }
}

// Each of these makes the guardian harder to stall or kill; none is needed for its work.
void Harden(const LogLine& log) {
  std::string missing;
  const UniqueFd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!score.valid() || write(score.get(), "-1000", 5) != 5) missing += " OOM-killer exemption,";
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) missing += " locked memory,";
  sched_param priority{};
  priority.sched_priority = 1;
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0 &&
      setpriority(PRIO_PROCESS, 0, -20) != 0) {
    missing += " high priority,";
  }
  if (missing.empty()) return;
  missing.pop_back();
  log(fmt::format("runs without{}: not permitted to it", missing));
}

// Waits for the daemon's death in a thread of its own and kicks the main loop.
class DeathWatch {
 public:
  // `ledger` must outlive the process.
  DeathWatch(PauseLedger& ledger, int kick_fd) : ledger_(ledger), kick_fd_(kick_fd) {}

  absl::Status Start() {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    // Small, for mlockall would lock all of the default eight megabytes.
    pthread_attr_setstacksize(&attributes, kWaiterStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, &DeathWatch::Run, this);
    pthread_attr_destroy(&attributes);
    return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "start the guardian's death watch");
  }

  bool seen() const { return seen_.load(std::memory_order_acquire); }

 private:
  static void* Run(void* self) {
    auto& watch = *static_cast<DeathWatch*>(self);
    watch.ledger_.life().Lock();
    watch.seen_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    static_cast<void>(!write(watch.kick_fd_, &one, sizeof one));
    // The lock must not be offered to anybody else, and a thread that exits would.
    for (;;) pause();
  }

  PauseLedger& ledger_;
  const int kick_fd_;
  std::atomic<bool> seen_{false};
};

void SleepUntil(std::uint64_t due_ns, bool control_open) {
  const std::uint64_t now_ns = Clock::System().MonotonicNs();
  const std::uint64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 0;
  const timespec wait{static_cast<time_t>(wait_ns / 1'000'000'000),
                      static_cast<long>(wait_ns % 1'000'000'000)};
  pollfd events[2] = {{kGuardianKickFd, POLLIN, 0},
                      {control_open ? kGuardianControlFd : -1, POLLIN, 0}};
  ppoll(events, 2, due_ns == Rescuer::kNever ? nullptr : &wait, nullptr);
  std::uint64_t kicks;
  static_cast<void>(!read(kGuardianKickFd, &kicks, sizeof kicks));
}

// False: the daemon closed its end, so it is gone with all its threads.
bool ReadControl(Rescuer& rescuer, const LogLine& log) {
  for (;;) {
    auto received = ReceiveControl(kGuardianControlFd);
    if (absl::IsInvalidArgument(received.status())) {
      log(MessageOf(received.status()));
      continue;
    }
    if (!received.ok()) return false;
    if (!received->has_value()) return true;
    const ControlMessage message = (*received)->message;
    if (message.slot >= PauseLedger::kSlots) continue;
    if (message.kind == ControlKind::kRegister) {
      rescuer.SetResumeFd(message.slot, message.connection, std::move((*received)->fd));
    } else if (message.kind == ControlKind::kUnregister) {
      rescuer.SetResumeFd(message.slot, 0, UniqueFd());
    }
  }
}

bool AllIdle(PauseLedger& ledger) {
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    if (ledger.slot(i).Load().state() != PauseState::kIdle) return false;
  }
  return true;
}

}  // namespace

void LogToStandardError(const std::string& line) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return;
  const std::string whole = fmt::format("sf-guardian: {}\n", line);
  static_cast<void>(!write(STDERR_FILENO, whole.data(), whole.size()));
}

int GuardianMain(const ResumerList& resumers, const LogLine& log, RescuePolicy policy,
                 const std::function<absl::Status()>& confine) {
  IgnoreSignals();
  prctl(PR_SET_NAME, "sf-guardian");
  auto attached = PauseLedger::Attach(UniqueFd(kGuardianLedgerFd));
  if (!attached.ok() || fcntl(kGuardianKickFd, F_GETFD) < 0) {
    log(fmt::format("only a daemon starts its guardian: {}", MessageOf(attached.status())));
    return 2;
  }
  for (const int fd : {kGuardianLedgerFd, kGuardianControlFd, kGuardianKickFd}) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  // Never freed: the waiting thread uses both until the process ends.
  auto& ledger = *new PauseLedger(*std::move(attached));
  auto& watch = *new DeathWatch(ledger, kGuardianKickFd);
  Harden(log);
  Rescuer rescuer(ledger, resumers, Clock::System(), log, policy);
  if (const absl::Status started = watch.Start(); !started.ok()) {
    log(fmt::format("{}; notices the daemon's death by its socket only", MessageOf(started)));
  }
  if (confine != nullptr) {
    if (const absl::Status confined = confine(); !confined.ok()) log(MessageOf(confined));
  }
  static_cast<void>(SendControl(kGuardianControlFd, ControlMessage{ControlKind::kReady, 0, 0}, -1));

  bool control_open = true;
  for (;;) {
    // Before the socket is read: what the daemon sent while it lived is then known.
    const bool dying = watch.seen();
    if (control_open) control_open = ReadControl(rescuer, log);
    const DaemonFate fate = !control_open ? DaemonFate::kGone
                            : dying       ? DaemonFate::kDying
                                          : DaemonFate::kAlive;
    const std::uint64_t due_ns = rescuer.Work(fate);
    if (fate == DaemonFate::kGone && rescuer.Finished()) break;
    SleepUntil(due_ns, control_open);
  }
  return AllIdle(ledger) ? 0 : 1;
}

}  // namespace stillframe
