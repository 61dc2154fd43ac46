#include "stillframed/stillframed.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/clock.h"
#include "base/status.h"
#include "capture/fleet.h"
#include "guardian/guardian_client.h"
#include "guardian/recovery.h"
#include "guest/backends/backends.h"
#include "local/server.h"
#include "service/service_notifier.h"
#include "stillframed/discovery_thread.h"
#include "stillframed/fleet_directory.h"

namespace stillframe {
namespace {

constexpr std::size_t kEventsKept = 8192;
constexpr std::uint64_t kTickMs = 250;

// Each new status wakes the service manager, so not with every capture.
constexpr std::uint64_t kStatusPeriodNs = 2'000 * kNsPerMs;

// How long a predecessor's guardian may take to finish before a start fails.
constexpr std::chrono::milliseconds kLedgerPatience{5000};

// A worker that showed no life for so long is hung, and systemd is to restart the daemon.
constexpr std::uint64_t kHungAfterNs = 20'000 * kNsPerMs;

std::atomic<LocalServer*> server_to_stop{nullptr};

void StopServer(int) {
  if (LocalServer* server = server_to_stop.load()) server->Stop();
}

void OnTerminationStop(LocalServer& server) {
  server_to_stop = &server;
  struct sigaction action {};
  action.sa_handler = StopServer;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

// A message from a peer that vanished must not end the daemon, nor may a closing terminal.
void IgnoreHarmlessSignals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
}

std::uint64_t ArenaBytesMax(const StillframedConfig& config) {
  if (config.daemon.arena_bytes_max > 0) return config.daemon.arena_bytes_max;
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 2;
}

// Memory is saturated by a few processors.
unsigned CopyHelpers() {
  constexpr unsigned kHelpersMax = 3;
  const unsigned processors = std::thread::hardware_concurrency();
  return processors < 2 ? 0 : std::min(processors - 1, kHelpersMax);
}

BackendOptions BackendsOf(const StillframedConfig& config) {
  return {config.backends.sim_directory, config.backends.qemu_qmp_globs, config.backends.qemu_msrs,
          config.backends.xen};
}

LocalServerOptions ServerOptionsOf(const StillframedConfig& config) {
  LocalServerOptions options;
  options.socket_path = config.daemon.socket;
  options.socket_mode = config.daemon.socket_mode;
  options.socket_group = config.daemon.socket_group;
  options.connections_max = static_cast<std::uint32_t>(config.daemon.connections_max);
  options.pins_per_connection_max =
      static_cast<std::uint32_t>(config.daemon.pins_per_connection_max);
  options.pin_ttl_ms_max = config.daemon.pin_ttl_ms_max;
  return options;
}

std::vector<RecoveredPause> RecoverAndReport(PauseLedger& ledger, const ResumerList& resumers) {
  auto recovered = RecoverLeftovers(ledger, resumers);
  for (const RecoveredPause& pause : recovered) {
    const std::string guest = pause.ticket.guest.ToString();
    if (pause.outcome.ok()) {
      spdlog::warn("guest {} was left paused by a crash: resumed", guest);
    } else {
      spdlog::warn("guest {} was left paused by a crash: {}", guest, MessageOf(pause.outcome));
    }
  }
  return recovered;
}

// What `systemctl status` shows: how many guests, and the newest pause of any.
std::string StatusLine(const Fleet& fleet) {
  std::size_t captured = 0;
  SnapshotPtr newest;
  const auto members = fleet.Members();
  for (const Fleet::Member& member : members) {
    if (member.worker == nullptr) continue;
    ++captured;
    const auto store = member.worker->store();
    if (store == nullptr) continue;
    const auto snapshot = store->Get(Generation{});
    if (!snapshot.ok()) continue;
    if (newest == nullptr || (*snapshot)->metadata.wall_ns > newest->metadata.wall_ns) {
      newest = *snapshot;
    }
  }
  std::string line = fmt::format("{} guests, {} captured", members.size(), captured);
  if (newest == nullptr) return line;
  const SnapshotMetadata& last = newest->metadata;
  return line + fmt::format("; last pause {:.1f} ms, of {}",
                            static_cast<double>(last.pause_end_ns - last.pause_begin_ns) / 1e6,
                            last.guest.name);
}

}  // namespace

absl::Status ServeSnapshots(const StillframedConfig& config) {
  IgnoreHarmlessSignals();
  const Clock& clock = Clock::System();
  const std::uint64_t started_ns = clock.MonotonicNs();

  SF_ASSIGN_OR_RETURN(PauseLedger ledger, PauseLedger::Open(config.daemon.ledger, kLedgerPatience));
  RecoverAndReport(ledger, OpenResumers());
  GuardianClient::Options guardian_options;
  guardian_options.command = {"/proc/self/exe", "--guardian"};
  guardian_options.log = [](const std::string& line) { spdlog::warn("guardian: {}", line); };
  SF_ASSIGN_OR_RETURN(const auto guardian,
                      GuardianClient::Start(std::move(ledger), std::move(guardian_options)));

  const auto numa = NumaHost::Open();
  EventLog events(kEventsKept);
  const auto budget = std::make_shared<ArenaBudget>(ArenaBytesMax(config));
  WorkerContext context{clock,
                        events,
                        budget,
                        1024,
                        [&guardian](const ResumeTicket& ticket,
                                    int fd) -> absl::StatusOr<std::unique_ptr<PauseGuard>> {
                          return guardian->Register(ticket, fd);
                        },
                        std::make_shared<CopyCrew>(CopyHelpers(), numa),
                        std::make_shared<CaptureTurns>(config.daemon.captures_parallel_max),
                        numa,
                        {config.daemon.arena_lock, config.daemon.arena_wipe}};
  Fleet fleet(OpenHypervisors(BackendsOf(config)), context, [&config](const GuestIdentity& guest) {
    return config.guests.PolicyFor(guest.name, guest.id);
  });
  FleetDirectory directory(fleet, events);
  SF_ASSIGN_OR_RETURN(const auto server,
                      LocalServer::Listen(ServerOptionsOf(config), directory, clock));
  server->SetStatsSource([&guardian, &clock, budget, started_ns](local::v1::Stats& stats) {
    stats.set_version(STILLFRAME_VERSION);
    stats.set_wall_time_ns(clock.WallNs());
    stats.set_arena_bytes(budget->bytes_max() - budget->available());
    stats.set_arena_bytes_max(budget->bytes_max());
    stats.set_guardian_resumes(guardian->stats().resumes);
    stats.set_guardian_respawns(guardian->stats().respawns);
    stats.set_uptime_ms((clock.MonotonicNs() - started_ns) / kNsPerMs);
  });
  OnTerminationStop(*server);

  ServiceNotifier notifier;
  {
    DiscoveryThread discovery(fleet, std::chrono::milliseconds(config.daemon.discovery_period_ms));
    spdlog::info("serving on {}", config.daemon.socket);
    notifier.Ready(StatusLine(fleet));
    std::uint64_t next_status_ns = 0;
    server->Run(kTickMs, [&] {
      const std::uint64_t now_ns = clock.MonotonicNs();
      if (now_ns - fleet.OldestProgressNs(now_ns) < kHungAfterNs) notifier.Alive();
      if (now_ns < next_status_ns) return;
      next_status_ns = now_ns + kStatusPeriodNs;
      notifier.Status(StatusLine(fleet));
    });
    notifier.Stopping();
    spdlog::info("stopping");
  }
  server_to_stop = nullptr;
  return absl::OkStatus();
}

absl::Status RecoverPausedGuests(const StillframedConfig& config) {
  auto ledger = PauseLedger::Open(config.daemon.ledger, kLedgerPatience);
  if (absl::IsAlreadyExists(ledger.status())) {
    fmt::print("nothing to recover: {}\n", MessageOf(ledger.status()));
    return absl::OkStatus();
  }
  if (!ledger.ok()) return ledger.status();
  std::size_t left = 0;
  const auto recovered = RecoverAndReport(*ledger, OpenResumers());
  for (const RecoveredPause& pause : recovered) {
    if (!pause.outcome.ok() && !absl::IsNotFound(pause.outcome)) ++left;
  }
  fmt::print("{} pauses found, {} could not be ended\n", recovered.size(), left);
  if (left == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} guests may still be paused; see the lines above", left));
}

}  // namespace stillframe
