#include "faults/process_faults.h"

#include <fmt/format.h>
#include <signal.h>

#include <functional>
#include <vector>

#include "base/status.h"
#include "support/eventually.h"

namespace stillframe::faults {
namespace {

struct ProcessFault {
  std::string kind;
  std::function<absl::Status(Ward&)> strike;
  Rescuer rescuer = Rescuer::kGuardian;
  std::vector<std::uint64_t> points_us = {0, 150, 600, 2000, 5000};  // after the pause began
};

absl::Status Send(pid_t pid, int signal) {
  return pid > 0 && kill(pid, signal) == 0 ? absl::OkStatus()
                                           : absl::InternalError("no process to send a signal to");
}

absl::Status KillAndAwait(ChildProcess& process, int signal) {
  process.Signal(signal);
  process.Wait();
  return absl::OkStatus();
}

// The daemon stands still until the guardian let the guest run, then goes on.
absl::Status StopDaemonThroughTheDeadline(Ward& ward) {
  ward.stack().daemon().Signal(SIGSTOP);
  const sim::StatusPage& status = ward.victim().status();
  const bool runs = Eventually([&] { return status.paused.load() == 0; });
  ward.stack().daemon().Signal(SIGCONT);
  return runs ? absl::OkStatus() : absl::InternalError("the guardian let the deadline pass");
}

// Captures may go on or be refused meanwhile, the guests run.
absl::Status StopGuardianForACapture(Ward& ward) {
  const pid_t guardian = ward.guardian();
  if (absl::Status sent = Send(guardian, SIGSTOP); !sent.ok()) return sent;
  static_cast<void>(ward.stack().remote().Capture("victim"));
  return Send(guardian, SIGCONT);
}

absl::Status StopGatewayForACapture(Ward& ward) {
  ward.stack().gateway().Signal(SIGSTOP);
  SF_ASSIGN_OR_RETURN(const auto local, Connection::Open(ward.stack().local_target()));
  const auto snapshot = local->Capture("victim");
  ward.stack().gateway().Signal(SIGCONT);
  return snapshot.status();
}

// The victim answers nothing until its captures were given up.
absl::Status HangVictim(Ward& ward) {
  SF_ASSIGN_OR_RETURN(const auto local, Connection::Open(ward.stack().local_target()));
  if (absl::Status sent = Send(ward.victim().pid(), SIGSTOP); !sent.ok()) return sent;
  const auto snapshot = local->Capture("victim");
  if (absl::Status sent = Send(ward.victim().pid(), SIGCONT); !sent.ok()) return sent;
  return absl::OkStatus();
}

absl::Status EndVictim(Ward& ward) {
  SF_RETURN_IF_ERROR(ward.victim().Die());
  const bool seen = Eventually(
      [&] { return absl::IsNotFound(ward.stack().remote().GetGuest("victim").status()); });
  SF_RETURN_IF_ERROR(ward.ReplaceVictim());
  return seen ? absl::OkStatus() : absl::InternalError("its end was not noticed");
}

absl::Status ChangeLayout(Ward& ward) {
  constexpr GfnRange kLow{Gfn{2000}, 500}, kHigh{Gfn{9000}, 300};
  SF_RETURN_IF_ERROR(ward.victim().BalloonOut(kLow));
  SF_RETURN_IF_ERROR(ward.victim().BalloonOut(kHigh));
  return ward.victim().BalloonIn(kLow);
}

std::vector<ProcessFault> ProcessFaults() {
  const auto daemon = [](int signal) {
    return [signal](Ward& ward) { return KillAndAwait(ward.stack().daemon(), signal); };
  };
  const auto gateway = [](int signal) {
    return [signal](Ward& ward) { return KillAndAwait(ward.stack().gateway(), signal); };
  };
  const auto guardian = [](int signal) {
    return [signal](Ward& ward) { return Send(ward.guardian(), signal); };
  };
  const auto both = [](Ward& ward) {
    SF_RETURN_IF_ERROR(Send(ward.guardian(), SIGKILL));
    return KillAndAwait(ward.stack().daemon(), SIGKILL);
  };
  return {
      {"SIGKILL to the daemon", daemon(SIGKILL)},
      {"SIGSEGV to the daemon", daemon(SIGSEGV)},
      {"SIGABRT to the daemon", daemon(SIGABRT)},
      {"SIGSTOP to the daemon", StopDaemonThroughTheDeadline},
      {"SIGKILL to the guardian", guardian(SIGKILL)},
      {"SIGSEGV to the guardian", guardian(SIGSEGV)},
      {"SIGSTOP to the guardian", StopGuardianForACapture, Rescuer::kGuardian, {0, 600, 5000}},
      {"SIGKILL to daemon and guardian", both, Rescuer::kNextStart},
      {"SIGKILL to the gateway", gateway(SIGKILL), Rescuer::kGuardian, {0, 2000}},
      {"SIGSEGV to the gateway", gateway(SIGSEGV), Rescuer::kGuardian, {0}},
      {"SIGSTOP to the gateway", StopGatewayForACapture, Rescuer::kGuardian, {0, 2000}},
      {"guest hangs", HangVictim, Rescuer::kGuardian, {0, 600}},
      {"guest vanishes", EndVictim, Rescuer::kGuardian, {0, 600, 2000, 5000}},
      {"guest reboots", [](Ward& ward) { return ward.victim().Reboot(); }},
      {"guest changes its layout", ChangeLayout},
  };
}

}  // namespace

void SweepProcesses(Ward& ward) {
  for (const ProcessFault& fault : ProcessFaults()) {
    for (const std::uint64_t us : fault.points_us) {
      const std::string name = fmt::format("{}, {} us into a pause", fault.kind, us);
      if (!ward.AwaitPause(us)) {
        ward.tally().AddOther(name + ": the victim is not captured any more");
        return;
      }
      ward.tally().AddFault(fault.kind);
      const absl::Status struck = fault.strike(ward);
      if (!struck.ok()) ward.tally().AddOther(name + ": " + MessageOf(struck));
      ward.Judge(name, fault.rescuer);
    }
  }
}

}  // namespace stillframe::faults
