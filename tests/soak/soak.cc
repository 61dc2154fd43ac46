#include "soak/soak.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "base/clock.h"
#include "base/status.h"
#include "soak/quantile.h"
#include "soak/rest.h"
#include "soak/stamped_guest.h"
#include "soak/watcher.h"
#include "support/eventually.h"
#include "support/process_tree.h"

namespace stillframe::soak {
namespace {

// A guest that stands for longer is stranded: recovery after the death of daemon and guardian
// takes as long as the daemon's start does on a busy machine.
constexpr double kStrandedS = 15;

constexpr double kMib = 1 << 20;

}  // namespace

Soak::Soak(const Options& options, std::FILE* lines)
    : options_(options),
      lines_(lines),
      began_ns_(Clock::System().MonotonicNs()),
      random_(options.seed) {
  result_.uses = {UseRecord("stillframed"), UseRecord("sf-guardian"),
                  UseRecord("stillframe-gateway")};
}

Soak::~Soak() { StopThreads(); }

double Soak::Seconds() const {
  return static_cast<double>(Clock::System().MonotonicNs() - began_ns_) / 1e9;
}

absl::Status Soak::Run() {
  SF_RETURN_IF_ERROR(Start());
  SF_RETURN_IF_ERROR(Loop());
  return Finish();
}

absl::Status Soak::Start() {
  for (std::size_t i = 0; i < options_.guests; ++i) {
    readers_.guests.push_back(fmt::format("guest{}", i));
    SF_ASSIGN_OR_RETURN(auto guest, SimProcess::Start(sockets_.path(), readers_.guests.back(),
                                                      GuestArguments(options_.seed + i)));
    guests_.push_back(std::move(guest));
  }
  watched_.resize(guests_.size());
  ballooned_.resize(guests_.size());
  StackSetup setup;
  setup.backends =
      fmt::format("qemu_qmp_globs = []\nxen = \"never\"\nsim_directory = \"{}\"", sockets_.path());
  // Each guest may hold what readers pin besides the newest generations.
  setup.defaults = "period_ms = 1000\ngenerations_max = 8\narena_bytes_max = 201_326_592";
  SF_ASSIGN_OR_RETURN(stack_, Stack::Start(setup));
  readers_.gateway_target = stack_->gateway_target();
  readers_.local_target = stack_->local_target();
  readers_.seed = options_.seed;
  for (const std::string& guest : readers_.guests) {
    SF_RETURN_IF_ERROR(stack_->AwaitEpochAfter(guest, "").status());
  }
  StartThreads();
  return absl::OkStatus();
}

void Soak::StartThreads() {
  const std::size_t wedged = std::min(options_.wedged, options_.readers);
  for (std::size_t i = 0; i < options_.readers - wedged; ++i) {
    threads_.emplace_back([this, i] { RunReader(i, readers_, tally_, stop_.get_token()); });
  }
  for (std::size_t i = 0; i < wedged; ++i) {
    threads_.emplace_back([this, i] { RunWedgedReader(i, readers_, tally_, stop_.get_token()); });
  }
  for (std::size_t i = 0; i < options_.watchers; ++i) {
    const std::string& target = i % 2 == 0 ? readers_.local_target : readers_.gateway_target;
    threads_.emplace_back([this, i, target] {
      RunWatcher(target, i == 0 ? Duty::kCount : Duty::kFollow, tally_, stop_.get_token());
    });
  }
}

void Soak::StopThreads() {
  stop_.request_stop();
  threads_.clear();
}

absl::Status Soak::Loop() {
  const double end_s = Seconds() + options_.minutes * 60;
  const double length_s = options_.minutes * 60;
  const double gateway_every_s = std::min(options_.gateway_kill_s, length_s / 6);
  const double daemon_every_s = std::min(options_.daemon_kill_s, length_s / 3.5);
  const double trouble_every_s = std::min(10.0, length_s / 10);
  double gateway_at = Seconds() + gateway_every_s;
  double daemon_at = Seconds() + daemon_every_s;
  double trouble_at = Seconds() + trouble_every_s;
  double line_at = Seconds() + options_.line_s;
  double use_at = Seconds();
  const auto due = [this](double& at, double every) {
    if (Seconds() < at) return false;
    at += every;
    return true;
  };
  while (Seconds() < end_s) {
    LookAtGuests();
    if (due(use_at, 1)) LookAtProcesses();
    if (due(trouble_at, trouble_every_s)) SF_RETURN_IF_ERROR(TroubleAGuest());
    if (due(gateway_at, gateway_every_s)) SF_RETURN_IF_ERROR(KillGateway());
    if (due(daemon_at, daemon_every_s)) SF_RETURN_IF_ERROR(KillDaemon());
    if (due(line_at, options_.line_s)) PrintLine();
    RestFor(std::chrono::milliseconds(20), {});
  }
  return absl::OkStatus();
}

absl::Status Soak::KillGateway() {
  ++result_.gateway_kills;
  stack_->gateway().Signal(SIGKILL);
  stack_->gateway().Wait();
  return stack_->StartGateway();
}

// Every other time together with the guardian, and in a pause where one can be caught.
absl::Status Soak::KillDaemon() {
  const auto someone_stands = [this] {
    return std::any_of(guests_.begin(), guests_.end(),
                       [](const auto& guest) { return guest->status().paused.load() != 0; });
  };
  const double until_s = Seconds() + 2;
  while (!someone_stands() && Seconds() < until_s) {
  }
  if (result_.daemon_kills % 2 == 1) {
    const pid_t guardian = ChildNamed(stack_->daemon().pid(), "sf-guardian");
    if (guardian > 0) kill(guardian, SIGKILL);
  }
  stack_->daemon().Signal(SIGKILL);
  ++result_.daemon_kills;
  if (someone_stands()) ++result_.kills_in_pause;
  stack_->daemon().Wait();
  return stack_->StartDaemon();
}

// Some guest reboots, or its balloon moves.
absl::Status Soak::TroubleAGuest() {
  random_ = random_ * 6364136223846793005u + 1442695040888963407u;
  const std::size_t index = (random_ >> 33) % guests_.size();
  SimProcess& guest = *guests_[index];
  if ((random_ >> 60) % 3 == 0) {
    ++result_.reboots;
    ballooned_[index] = false;
    return guest.Reboot();
  }
  ++result_.balloonings;
  ballooned_[index] = !ballooned_[index];
  return ballooned_[index] ? guest.BalloonOut(kBalloon) : guest.BalloonIn(kBalloon);
}

void Soak::LookAtGuests() {
  const double now_s = Seconds();
  for (std::size_t i = 0; i < guests_.size(); ++i) {
    GuestWatch& watch = watched_[i];
    const bool stands = guests_[i]->status().paused.load() != 0;
    const std::uint64_t pauses = guests_[i]->status().pauses.load();
    if (!stands || !watch.stands || pauses != watch.pauses) {
      watch = {pauses, now_s, stands, false};
      continue;
    }
    const double stood_s = now_s - watch.since_s;
    result_.longest_stand_ms =
        std::max(result_.longest_stand_ms, static_cast<std::uint64_t>(stood_s * 1000));
    if (stood_s > kStrandedS && !watch.counted) {
      watch.counted = true;
      ++result_.stranded;
    }
  }
}

void Soak::LookAtProcesses() {
  const pid_t daemon = stack_->daemon().pid();
  const pid_t pids[] = {daemon, ChildNamed(daemon, "sf-guardian"), stack_->gateway().pid()};
  for (std::size_t i = 0; i < std::size(pids); ++i) {
    if (pids[i] > 0) result_.uses[i].Add(Seconds(), pids[i], UseOf(pids[i]));
  }
}

void Soak::PrintLine() {
  const std::vector<double> pauses = tally_.pauses_us();
  std::string uses;
  for (const UseRecord& use : result_.uses) {
    uses += fmt::format("  {} {:.0f}/{:.1f} MiB {} fds", use.name(),
                        static_cast<double>(use.last().rss_bytes) / kMib,
                        static_cast<double>(use.last().anon_bytes) / kMib, use.last().fds);
  }
  fmt::print(lines_,
             "{:6.0f} s  captures {}  pause p50 {:.0f} p99 {:.0f} us  reads {}  wrong {}  "
             "stranded {}  killed {}+{}{}\n",
             Seconds(), tally_.captures.load(), Quantile(pauses, 0.5), Quantile(pauses, 0.99),
             tally_.reads.load(), tally_.wrong.load(), result_.stranded, result_.gateway_kills,
             result_.daemon_kills, uses);
  std::fflush(lines_);
}

absl::Status Soak::Finish() {
  for (const std::string& guest : readers_.guests) {
    const bool captured = Eventually([&] { return stack_->remote().Capture(guest).ok(); });
    if (!captured) ++result_.guests_idle;
  }
  StopThreads();
  result_.seconds = Seconds();
  for (ChildProcess* process : {&stack_->gateway(), &stack_->daemon()}) {
    process->Signal(SIGTERM);
    const int status = process->Wait();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return absl::InternalError("a daemon did not end as asked: " + process->Log());
    }
  }
  for (const auto& guest : guests_) {
    const std::uint64_t work = guest->status().work[0].load();
    if (!Eventually([&] { return guest->status().work[0].load() > work; })) ++result_.stranded;
  }
  return absl::OkStatus();
}

}  // namespace stillframe::soak
