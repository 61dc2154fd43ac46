// stillframe-gateway: serves a host's snapshots over gRPC.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "access/policy_file.h"
#include "base/status.h"
#include "gateway/gateway_server.h"
#include "gateway/reloader.h"
#include "gateway/settings.h"
#include "local/client.h"
#include "service/service_log.h"
#include "service/service_notifier.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kShutdownGrace{2000};
constexpr std::chrono::microseconds kLookPeriod{1'000'000};

sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads inherit it
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// What `systemctl status` shows.
std::string StatusLine(const GatewayServer& server, const std::string& socket) {
  const GuestPoll::Result guests = server.guests();
  const GatewayServer::Statistics now = server.statistics();
  if (!guests.daemon_there) return fmt::format("waiting for stillframed at {}", socket);
  return fmt::format("connected; {} guests, {} captured, {} failing; {} streams, {} pins",
                     guests.guests, guests.captured, guests.failing, now.streams, now.pins);
}

// Returns when the process is told to end.
void WaitForTheEnd(const sigset_t& signals, Reloader& reloader, const GatewayServer& server,
                   const std::string& socket, ServiceNotifier& notifier) {
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
    notifier.Status(StatusLine(server, socket));
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
          [socket = options.daemon_socket](DaemonLink::State state) {
            const bool there = state == DaemonLink::State::kThere;
            const std::string news = there ? fmt::format("connected to stillframed at {}", socket)
                                           : fmt::format("waiting for stillframed at {}", socket);
            there ? spdlog::info(news) : spdlog::warn(news);
          }));
  WarnOfUselessAddresses(options);
  for (const std::string& address : server->addresses()) {
    fmt::print("listening on {}\n", address);
  }
  if (!server->metrics_address().empty()) {
    fmt::print("metrics on http://{}/metrics\n", server->metrics_address());
  }
  std::fflush(stdout);
  Reloader reloader(command_line, config, *server);
  notifier.Ready(StatusLine(*server, options.daemon_socket));
  WaitForTheEnd(signals, reloader, *server, options.daemon_socket, notifier);
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
  app.add_flag("--check-config", check_config, "say whether the configuration is good, and end");
  app.add_option("--check-policy", check_policy, "say whether a policy file is good, and end")
      ->type_name("FILE");
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(MakeServiceLog("stillframe-gateway"));
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
  const absl::Status served = Serve(*options, *config, command_line);
  return served.ok() ? 0 : Fail(served);
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) { return stillframe::Main(argc, argv); }
