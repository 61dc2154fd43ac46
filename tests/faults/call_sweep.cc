#include "faults/call_sweep.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "capture/capturer.h"
#include "faults/faulty_guest.h"
#include "faults/open_files.h"
#include "guest/pause_guard.h"
#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"
#include "support/eventually.h"
#include "support/judged_guest.h"
#include "support/sim_process.h"
#include "support/snapshot_bytes.h"
#include "support/temp_directory.h"

namespace stillframe::faults {
namespace {

enum class Mode { kLogged, kCompared, kPrecopied };
constexpr const char* kModeNames[] = {"dirty log", "compare", "pre-copy"};

// The process of a guest, which faults may end.
struct Machine {
  TempDirectory directory;
  std::unique_ptr<SimProcess> process;

  absl::Status Start(Mode mode) {
    const std::vector<std::string> arguments =
        mode == Mode::kPrecopied
            ? std::vector<std::string>{"--ram-mib",      "48",  "--workload", "sequential",
                                       "--window-pages", "8192"}
            : std::vector<std::string>{
                  "--ram-mib", "12", "--workload", "random", "--dirty-pages-per-second", "20000"};
    SF_ASSIGN_OR_RETURN(process, SimProcess::Start(directory.path(), "web1", arguments));
    return absl::OkStatus();
  }
};

// Remembers what a guardian would have to end.
class RecordingGuard final : public PauseGuard {
 public:
  absl::Status Arm(std::uint64_t) override {
    armed_ = true;
    return absl::OkStatus();
  }
  void BeginResume() override {}
  absl::Status Disarm() override {
    armed_ = false;
    return absl::OkStatus();
  }
  bool TakeArmed() { return std::exchange(armed_, false); }

 private:
  bool armed_ = false;
};

// What captures a guest, from one opening to the next.
class Session {
 public:
  static absl::StatusOr<std::unique_ptr<Session>> Open(Machine& machine, Mode mode) {
    SimHypervisor hypervisor(machine.directory.path());
    SF_ASSIGN_OR_RETURN(auto opened, hypervisor.Open(machine.process->id()));
    return std::unique_ptr<Session>(new Session(std::move(opened), mode));
  }

  FaultyGuest& guest() { return guest_; }

  absl::StatusOr<SnapshotPtr> Capture() {
    SF_ASSIGN_OR_RETURN(auto view, guest_.Refresh());
    if (store_ == nullptr || boot_ != view->boot) SF_RETURN_IF_ERROR(BeginEpoch(*view));
    return capturer_->Capture(std::move(view), guard_, CaptureTrigger::kRequest, cancelled_);
  }

  // Frames of `snapshot` that are not as in the plain copy of its pause; empty: none.
  std::string Differences(const Snapshot& snapshot) const {
    const std::vector<Gfn> different = judge_->Differences(snapshot);
    if (different.empty()) return {};
    return fmt::format("{} pages, the first: {}", different.size(),
                       judge_->Describe(snapshot, different.front()));
  }

  // Slots that are taken, but of no live generation.
  std::uint64_t SlotsLeaked() const {
    std::set<Slot> named;
    for (const SnapshotPtr& live : store_->List()) {
      for (const Slot slot : live->pages.slots()) {
        if (slot < kSlotsMax) named.insert(slot);
      }
    }
    return store_->arena().bytes_used() / kPageBytes - named.size();
  }

  // What the guardian does at the deadline: ends the pause that was left to it, if one was.
  absl::Status ActAsGuardian() {
    if (!guard_.TakeArmed()) return absl::OkStatus();
    const absl::Status resumed = SimResumer().Resume(guest_.resume_ticket(), -1);
    return absl::IsNotFound(resumed) ? absl::OkStatus() : resumed;
  }

 private:
  Session(std::unique_ptr<Guest> opened, Mode mode)
      : judge_(new JudgedGuest(std::move(opened))), guest_(std::unique_ptr<Guest>(judge_)) {
    guest_.hides_log = mode == Mode::kCompared;
    policy_.generations_max = 4;
    policy_.pause_deadline_ms = 10'000;
    policy_.pause_budget_ms = mode == Mode::kPrecopied ? 1 : 60'000;
  }

  absl::Status BeginEpoch(const GuestView& view) {
    Arena::Options options;
    options.name = "faults";
    options.bytes_max = std::uint64_t{512} << 20;
    options.segment_bytes = std::size_t{16} << 20;
    Retention retention;
    retention.generations_max = policy_.generations_max;
    capturer_ = nullptr;
    SF_ASSIGN_OR_RETURN(store_, SnapshotStore::Create(guest_.identity(), Epoch::Random(),
                                                      std::make_shared<Arena>(options), retention,
                                                      Clock::System(), events_));
    capturer_ = std::make_unique<Capturer>(guest_, *store_, policy_, Clock::System());
    boot_ = view.boot;
    return absl::OkStatus();
  }

  JudgedGuest* const judge_;  // inside guest_
  FaultyGuest guest_;
  RecordingGuard guard_;
  CapturePolicy policy_;
  EventLog events_{100};
  std::atomic<bool> cancelled_{false};
  std::uint64_t boot_ = 0;
  std::unique_ptr<SnapshotStore> store_;
  std::unique_ptr<Capturer> capturer_;
};

// One kind of fault; `make` gives it for a machine.
struct Kind {
  std::string name;
  std::function<CallFault(Machine&)> make;
  bool once_only = false;  // it takes seconds: in one mode only
  bool fatal = false;      // the guest is gone afterwards
};

CallFault Failing(absl::Status instead, absl::Status answer) {
  CallFault fault;
  fault.instead = std::move(instead);
  fault.answer = std::move(answer);
  return fault;
}

CallFault Before(std::function<void()> act) {
  CallFault fault;
  fault.before = std::move(act);
  return fault;
}

CallFault After(std::function<void()> act) {
  CallFault fault;
  fault.after = std::move(act);
  return fault;
}

std::vector<Kind> Kinds() {
  constexpr GfnRange kSome{Gfn{1000}, 200}, kOther{Gfn{300}, 64};
  const auto balloon = [](Machine& machine) {
    static_cast<void>(machine.process->BalloonOut(kSome));
  };
  const auto return_balloon = [](Machine& machine) {
    static_cast<void>(machine.process->BalloonOut(kSome));
    static_cast<void>(machine.process->BalloonIn(kSome));
  };
  const auto layout = [](Machine& machine) {
    for (const GfnRange range : {kSome, kOther}) {
      static_cast<void>(machine.process->BalloonOut(range));
    }
    static_cast<void>(machine.process->BalloonIn({kSome.first + 50, 100}));
  };
  const auto reboot = [](Machine& machine) { static_cast<void>(machine.process->Reboot()); };
  const auto die = [](Machine& machine) { static_cast<void>(machine.process->Die()); };
  const auto before = [](auto act) {
    return [act](Machine& machine) { return Before([act, &machine] { act(machine); }); };
  };
  const auto after = [](auto act) {
    return [act](Machine& machine) { return After([act, &machine] { act(machine); }); };
  };
  const auto fails = [](absl::Status instead, absl::Status answer) {
    return [=](Machine&) { return Failing(instead, answer); };
  };
  return {
      {"call fails without effect", fails(absl::InternalError("injected"), {})},
      {"call fails after its effect", fails({}, absl::InternalError("injected"))},
      {"call cannot reach the guest", fails(absl::UnavailableError("injected"), {})},
      {"call times out, its effect comes", fails({}, absl::DeadlineExceededError("injected"))},
      {"call times out without effect", fails(absl::DeadlineExceededError("injected"), {})},
      {"call lacks memory (ENOMEM)", fails(absl::ResourceExhaustedError("injected"), {})},
      {"call finds the guest changed", fails({}, absl::AbortedError("injected"))},
      {"guest balloons out before a call", before(balloon)},
      {"guest balloons out after a call", after(balloon)},
      {"guest balloons out and in before a call", before(return_balloon)},
      {"guest balloons out and in after a call", after(return_balloon)},
      {"guest changes its layout before a call", before(layout)},
      {"guest changes its layout after a call", after(layout)},
      {"guest reboots before a call", before(reboot)},
      {"guest reboots after a call", after(reboot)},
      {"guest vanishes before a call", before(die), false, true},
      {"guest vanishes after a call", after(die), false, true},
      {"guest hangs during a call",
       [](Machine& machine) {
         CallFault fault;
         const pid_t pid = machine.process->pid();
         fault.before = [pid] { kill(pid, SIGSTOP); };
         fault.after = [pid] { kill(pid, SIGCONT); };
         return fault;
       },
       true},
  };
}

bool Runs(const SimProcess& process) {
  const sim::StatusPage& status = process.status();
  if (!Eventually([&] { return status.paused.load() == 0; })) return false;
  const std::uint64_t work = status.work[0].load();
  return Eventually([&] { return status.work[0].load() > work; });
}

// False: the capture has no such call, so the sweep is over.
bool RunOne(Machine& machine, Mode mode, const Kind& kind, std::uint64_t call, Tally& tally) {
  const std::string name =
      fmt::format("{}, call {} ({})", kind.name, call, kModeNames[static_cast<int>(mode)]);
  const std::uint64_t complaints = tally.found();
  auto opened = Session::Open(machine, mode);
  if (!opened.ok()) {
    tally.AddOther(name + ": " + MessageOf(opened.status()));
    return false;
  }
  Session& session = **opened;
  const auto first = session.Capture();
  if (!first.ok()) {
    tally.AddOther(fmt::format("{}: the capture before it: {}", name, MessageOf(first.status())));
    return false;
  }
  const std::vector<std::byte> first_bytes = BytesOf(**first);

  CallFault fault = kind.make(machine);
  fault.call = call;
  session.guest().Arm(fault);
  const auto hit = session.Capture();
  if (session.guest().calls() < call) return false;
  session.guest().Arm({});
  tally.AddFault(kind.name);
  if (hit.ok()) {
    const std::string different = session.Differences(**hit);
    if (!different.empty()) tally.AddWrong(name + ": of the capture hit: " + different);
  }
  if (const absl::Status ended = session.ActAsGuardian(); !ended.ok()) {
    tally.AddOther(name + ": the guardian: " + MessageOf(ended));
  }

  if (kind.fatal) {
    if (hit.ok() && session.Capture().ok()) tally.AddOther(name + ": a dead guest was captured");
    return true;
  }
  if (!Runs(*machine.process)) tally.AddStranded(name);
  // A call may find the guest changed since the last look: the next look knows.
  absl::StatusOr<SnapshotPtr> next = session.Capture();
  if (absl::IsAborted(next.status())) next = session.Capture();
  if (!next.ok()) {
    tally.AddOther(fmt::format("{}: the next capture: {}", name, MessageOf(next.status())));
    return tally.found() == complaints;
  }
  const std::string different = session.Differences(**next);
  if (!different.empty()) tally.AddWrong(name + ": of the next capture: " + different);
  if (BytesOf(**first) != first_bytes) tally.AddWrong(name + ": of the generation before it");
  if (const std::uint64_t slots = session.SlotsLeaked(); slots != 0) {
    tally.AddLeak(fmt::format("{}: {} slots", name, slots));
  }
  return true;
}

void SweepKind(Mode mode, const Kind& kind, Tally& tally) {
  constexpr std::uint64_t kCallsMax = 60;
  for (std::uint64_t call = 1; call <= kCallsMax; ++call) {
    Machine machine;
    if (const absl::Status started = machine.Start(mode); !started.ok()) {
      return tally.AddOther(MessageOf(started));
    }
    const std::size_t files = CountOpenFiles(getpid());
    const bool reached = RunOne(machine, mode, kind, call, tally);
    if (const std::size_t now = CountOpenFiles(getpid()); now != files) {
      tally.AddLeak(
          fmt::format("{}, call {}: {} descriptors, not {}", kind.name, call, now, files));
    }
    if (!reached) {
      if (call == 1) tally.AddOther(kind.name + ": hit nothing");
      return;
    }
  }
}

}  // namespace

void SweepCalls(Tally& tally) {
  for (const Mode mode : {Mode::kLogged, Mode::kCompared, Mode::kPrecopied}) {
    for (const Kind& kind : Kinds()) {
      if (!kind.once_only || mode == Mode::kLogged) SweepKind(mode, kind, tally);
    }
  }
}

}  // namespace stillframe::faults
