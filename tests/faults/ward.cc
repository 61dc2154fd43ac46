#include "faults/ward.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/clock.h"
#include "base/status.h"
#include "faults/open_files.h"
#include "guest/sim/sim_hypervisor.h"
#include "soak/stamped_guest.h"
#include "support/eventually.h"
#include "support/process_tree.h"
#include "support/same_memory.h"

namespace stillframe::faults {
namespace {

constexpr std::uint64_t kNsPerUs = 1000;
const std::string kVictim = "victim";

// Ended, and perhaps not waited for.
bool IsDead(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ward>> Ward::Open(Tally& tally) {
  std::unique_ptr<Ward> ward(new Ward(tally));
  ward->guests_.resize(1);
  SF_RETURN_IF_ERROR(ward->StartVictim());
  for (const char* name : {"bystander1", "bystander2"}) {
    SF_ASSIGN_OR_RETURN(auto guest,
                        SimProcess::Start(ward->sockets_.path(), name, soak::GuestArguments(1)));
    ward->guests_.push_back(std::move(guest));
  }
  StackSetup setup;
  setup.backends = fmt::format("qemu_qmp_globs = []\nxen = \"never\"\nsim_directory = \"{}\"",
                               ward->sockets_.path());
  // Captured often, with pauses that are long enough to be hit; a deadline that comes soon.
  setup.defaults =
      "period_ms = 20\npause_budget_ms = 0\ndowntime_percent_max = 0\ngenerations_max = 2\n"
      "arena_bytes_max = 402_653_184\npause_deadline_ms = 200";
  SF_ASSIGN_OR_RETURN(ward->stack_, Stack::Start(setup));
  SF_RETURN_IF_ERROR(ward->Settle());
  return ward;
}

absl::Status Ward::StartVictim() {
  SF_ASSIGN_OR_RETURN(guests_.front(),
                      SimProcess::Start(sockets_.path(), kVictim,
                                        {"--ram-mib", "64", "--vcpus", "2", "--workload",
                                         "sequential", "--window-pages", "12000"}));
  return absl::OkStatus();
}

absl::Status Ward::ReplaceVictim() {
  guests_.front() = nullptr;
  return StartVictim();
}

pid_t Ward::guardian() const { return ChildNamed(stack_->daemon().pid(), "sf-guardian"); }

// Learns how many descriptors health takes.
absl::Status Ward::Settle() {
  constexpr int kCaptures = 20;
  for (const auto& guest : guests_) {
    for (int i = 0; i < kCaptures; ++i) {
      SF_RETURN_IF_ERROR(stack_->AwaitEpochAfter(guest->name(), "").status());
      SF_RETURN_IF_ERROR(stack_->remote().Capture(guest->name()).status());
      daemon_files_ = std::max(daemon_files_, CountOpenFiles(stack_->daemon().pid()));
      gateway_files_ = std::max(gateway_files_, CountOpenFiles(stack_->gateway().pid()));
    }
  }
  return absl::OkStatus();
}

bool Ward::AwaitPause(std::uint64_t us) {
  const Clock& clock = Clock::System();
  const sim::StatusPage& status = victim().status();
  const std::uint64_t give_up_ns = clock.MonotonicNs() + 10'000'000'000;
  const std::uint64_t pauses = status.pauses.load();
  // Spins: a sleep would miss the pause's beginning.
  while (status.pauses.load() == pauses || status.paused.load() == 0) {
    if (clock.MonotonicNs() > give_up_ns) return false;
  }
  const std::uint64_t then_ns = clock.MonotonicNs() + us * kNsPerUs;
  while (clock.MonotonicNs() < then_ns) {
  }
  return true;
}

bool Ward::GuestsRun() {
  return std::all_of(guests_.begin(), guests_.end(), [](const auto& guest) {
    const sim::StatusPage& status = guest->status();
    const std::uint64_t work = status.work[0].load();
    return Eventually([&] { return status.work[0].load() > work; });
  });
}

absl::Status Ward::RestartTheDead() {
  if (IsDead(stack_->daemon().pid())) {
    stack_->daemon().Wait();
    SF_RETURN_IF_ERROR(stack_->StartDaemon());
  }
  if (IsDead(stack_->gateway().pid())) {
    stack_->gateway().Wait();
    SF_RETURN_IF_ERROR(stack_->StartGateway());
  }
  return absl::OkStatus();
}

void Ward::Judge(const std::string& name, Rescuer rescuer) {
  if (rescuer == Rescuer::kGuardian && !GuestsRun()) tally_.AddStranded(name);
  absl::Status status = RestartTheDead();
  if (!GuestsRun()) tally_.AddStranded(name + ", and after a new start");
  if (status.ok()) status = JudgeVictim(name);
  if (status.ok()) status = JudgeBystanders(name);
  if (!status.ok()) tally_.AddOther(name + ": " + MessageOf(status));
  JudgeLeaks(name);
}

absl::Status Ward::JudgeVictim(const std::string& name) {
  absl::StatusOr<v1::Snapshot> snapshot;
  SF_RETURN_IF_ERROR(victim().OperatorPause());
  const bool captured = Eventually([&] {
    snapshot = stack_->remote().Capture(kVictim);
    return snapshot.ok();
  });
  const absl::Status judged = [&]() -> absl::Status {
    if (!captured) return Annotate(snapshot.status(), "the next capture");
    SF_ASSIGN_OR_RETURN(
        const auto reader,
        stack_->remote().OpenSnapshot(Select(kVictim, snapshot->generation(), snapshot->epoch())));
    SimHypervisor hypervisor(sockets_.path());
    SF_ASSIGN_OR_RETURN(const auto opened, hypervisor.Open(victim().id()));
    SF_ASSIGN_OR_RETURN(const auto view, opened->Refresh());
    SF_ASSIGN_OR_RETURN(const std::uint64_t wrong, CountWrongPages(*reader, *view));
    if (wrong > 0) tally_.AddWrong(fmt::format("{}: {} pages", name, wrong));
    return absl::OkStatus();
  }();
  SF_RETURN_IF_ERROR(victim().OperatorResume());
  return judged;
}

absl::Status Ward::JudgeBystanders(const std::string& name) {
  for (std::size_t i = 1; i < guests_.size(); ++i) {
    absl::StatusOr<std::unique_ptr<SnapshotReader>> reader;
    absl::Status read, verdict;
    const bool delivered = Eventually([&] {
      verdict = absl::OkStatus();
      reader = stack_->remote().OpenSnapshot(Select(guests_[i]->name()));
      read = reader.status();
      if (!read.ok()) return false;
      read = (*reader)->ReadPages({}, EmptyRuns::kReport, [&](const PageRun& run) {
        verdict.Update(soak::JudgeRun((*reader)->metadata(), run));
        return absl::OkStatus();
      });
      return read.ok();
    });
    if (!delivered) return Annotate(read, "read " + guests_[i]->name());
    if (!verdict.ok()) tally_.AddWrong(name + ": " + MessageOf(verdict));
  }
  return absl::OkStatus();
}

void Ward::JudgeLeaks(const std::string& name) {
  std::size_t daemon_files = 0, gateway_files = 0;
  std::uint64_t pins = 0;
  const bool clean = Eventually(
      [&] {
        daemon_files = CountOpenFiles(stack_->daemon().pid());
        gateway_files = CountOpenFiles(stack_->gateway().pid());
        pins = 0;
        const auto guests = stack_->remote().ListGuests();
        if (!guests.ok()) return false;
        for (const v1::Guest& guest : *guests) pins += guest.statistics().pins();
        return daemon_files <= daemon_files_ && gateway_files <= gateway_files_ && pins == 0;
      },
      std::chrono::seconds(10));
  if (clean) return;
  tally_.AddLeak(fmt::format("{}: descriptors {} of {} and {} of {}, {} pins", name, daemon_files,
                             daemon_files_, gateway_files, gateway_files_, pins));
  // So that one leak is told once.
  daemon_files_ = std::max(daemon_files_, daemon_files);
  gateway_files_ = std::max(gateway_files_, gateway_files);
}

}  // namespace stillframe::faults
