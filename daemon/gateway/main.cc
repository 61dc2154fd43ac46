// stillframe-gateway: serves a host's snapshots over gRPC.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "access/policy_file.h"
#include "base/status.h"
#include "confinement/filters.h"
#include "confinement/privileges.h"
#include "confinement/syscall_filter.h"
#include "gateway/gateway_server.h"
#include "gateway/reloader.h"
#include "gateway/settings.h"
#include "local/client.h"
#include "service/service_notifier.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kShutdownGrace{2000};
constexpr std::chrono::microseconds kLookPeriod{1'000'000};

// Before threads are there and anything is served.
absl::Status Confine(const GatewaySettings& settings) {
  SF_ASSIGN_OR_RETURN(const std::vector<std::string> excess, ExcessOfGateway());
  const std::string found = fmt::format("{}", fmt::join(excess, "; "));
  if (!excess.empty() && !settings.allow_privileges) {
    return absl::FailedPreconditionError(
        fmt::format("it would run with more than it needs: {}; start it as a user of its own, as "
                    "the systemd unit does, or allow it by --allow-privileges",
                    found));
  }
  if (!excess.empty()) spdlog::warn("runs with more than it needs, as allowed: {}", found);
  // A leak sanitizer looks into its own process as another one would.
  if (settings.syscall_filter == FilterMode::kEnforce && CanFilterSystemCalls()) {
    SF_RETURN_IF_ERROR(HideFromPeers());
  }
  SF_RETURN_IF_ERROR(Annotate(FilterGateway(settings.syscall_filter),
                              "syscall_filter = \"off\" starts without it"));
  spdlog::info("confined: {}", Describe(settings.syscall_filter));
  return absl::OkStatus();
}

sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads inherit it
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Returns when the process is told to end.
void WaitForTheEnd(const sigset_t& signals, Reloader& reloader, ServiceNotifier& notifier) {
  const auto alive_period = notifier.alive_period();
  const auto period = alive_period.count() == 0 ? kLookPeriod : std::min(alive_period, kLookPeriod);
  timespec timeout{};
  timeout.tv_sec = period.count() / 1'000'000;
  timeout.tv_nsec = period.count() % 1'000'000 * 1000;
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &timeout);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) reloader.ReloadAll();
    reloader.Look();
    notifier.Alive();
  }
}

// Plaintext ports that nobody may use are a mistake that only callers would notice.
void WarnOfUselessAddresses(const GatewayOptions& options) {
  if (!options.tls.empty() || options.policy.GrantsAnything(Principal::Anonymous())) return;
  for (const std::string& address : options.listen) {
    if (address.starts_with("unix:")) continue;
    spdlog::warn(
        "{}: callers there are anonymous, and the policy grants anonymous nothing (gateway.policy)",
        address);
  }
}

absl::Status Serve(const GatewayOptions& options, const GatewayConfig& config,
                   const GatewayCommandLine& command_line) {
  const sigset_t signals = BlockSignals();
  ServiceNotifier notifier;
  SF_ASSIGN_OR_RETURN(
      const std::unique_ptr<GatewayServer> server,
      GatewayServer::Start(
          options, [socket = options.daemon_socket] { return LocalClient::Connect(socket); },
          [&notifier, socket = options.daemon_socket](DaemonLink::State state) {
            const bool there = state == DaemonLink::State::kThere;
            const std::string news = there ? fmt::format("connected to stillframed at {}", socket)
                                           : fmt::format("waiting for stillframed at {}", socket);
            there ? spdlog::info(news) : spdlog::warn(news);
            notifier.Status(news);
          }));
  WarnOfUselessAddresses(options);
  for (const std::string& address : server->addresses()) {
    fmt::print("listening on {}\n", address);
  }
  std::fflush(stdout);
  Reloader reloader(command_line, config, *server);
  notifier.Ready("serving");
  WaitForTheEnd(signals, reloader, notifier);
  notifier.Stopping();
  spdlog::info("ending: open calls have {} ms", kShutdownGrace.count());
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  fmt::print(stderr, "stillframe-gateway: {}\n", MessageOf(status));
  return 1;
}

int CheckPolicy(const std::string& path) {
  const absl::StatusOr<AccessPolicy> policy = LoadAccessPolicy(path);
  if (!policy.ok()) return Fail(policy.status());
  fmt::print("the policy is good: {} grants, {} quotas\n", policy->grants().size(),
             policy->quotas().size());
  return 0;
}

int Main(int argc, char** argv) {
  GatewayCommandLine command_line;
  bool check_config = false;
  std::string check_policy;
  CLI::App app("Serves a host's memory snapshots over gRPC.");
  app.set_version_flag("--version", "stillframe-gateway " STILLFRAME_VERSION);
  app.add_option("--config", command_line.config_path,
                 fmt::format("configuration file (default: {}, if there)", kGatewayConfigPath));
  app.add_option("--listen", command_line.listen,
                 "unix:/PATH or ADDRESS:PORT, port 0: any; may be repeated")
      ->take_all();
  app.add_option("--daemon-socket", command_line.daemon_socket, "the socket of stillframed");
  app.add_option("--policy", command_line.policy, "who may do what: see policy.toml(5)");
  app.add_flag("--allow-privileges", command_line.allow_privileges,
               "run as root or with capabilities, as the key allow_privileges lets it");
  app.add_flag("--check-config", check_config, "say whether the configuration is good, and end");
  app.add_option("--check-policy", check_policy, "say whether a policy file is good, and end")
      ->type_name("FILE");
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  if (!check_policy.empty()) return CheckPolicy(check_policy);
  const absl::StatusOr<GatewayConfig> config = LoadSettings(command_line);
  if (!config.ok()) return Fail(config.status());
  const absl::StatusOr<GatewayOptions> options = MakeOptions(*config);
  if (!options.ok()) return Fail(options.status());
  SetLogLevel(config->gateway.log_level);
  if (check_config) {
    fmt::print("the configuration is good\n");
    return 0;
  }
  if (const absl::Status confined = Confine(config->gateway); !confined.ok()) return Fail(confined);
  const absl::Status served = Serve(*options, *config, command_line);
  return served.ok() ? 0 : Fail(served);
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) { return stillframe::Main(argc, argv); }
