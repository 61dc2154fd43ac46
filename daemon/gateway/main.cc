// stillframe-gateway: serves a host's snapshots over gRPC.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/gateway_config.h"
#include "config/listen_address.h"
#include "gateway/gateway_server.h"
#include "local/client.h"
#include "service/service_notifier.h"

namespace stillframe {
namespace {

constexpr char kConfigPathDefault[] = "/etc/stillframe/gateway.toml";
constexpr std::chrono::milliseconds kShutdownGrace{2000};

struct CommandLine {
  std::string config_path;
  std::vector<std::string> listen;
  std::string daemon_socket;
  bool check_config = false;
};

// The file if one was named or the default one exists, and what the command line puts over it.
absl::StatusOr<GatewayConfig> LoadConfig(const CommandLine& command_line) {
  const bool named = !command_line.config_path.empty();
  GatewayConfig config;
  auto loaded = LoadGatewayConfig(named ? command_line.config_path : kConfigPathDefault);
  if (loaded.ok()) {
    config = *std::move(loaded);
  } else if (named || !absl::IsNotFound(loaded.status())) {
    return loaded.status();
  }
  if (!command_line.listen.empty()) config.gateway.listen = command_line.listen;
  if (!command_line.daemon_socket.empty()) {
    config.gateway.daemon_socket = command_line.daemon_socket;
  }
  return config;
}

// The schema's ranges keep every value within what it is narrowed to.
ServingLimits MakeLimits(const GatewayLimits& config) {
  ServingLimits limits;
  limits.streams_max = static_cast<std::uint32_t>(config.streams_max);
  limits.streams_per_client_max = static_cast<std::uint32_t>(config.streams_per_client_max);
  limits.threads_max = static_cast<std::uint32_t>(config.threads_max);
  limits.request_ranges_max = static_cast<std::uint32_t>(config.request_ranges_max);
  limits.batch_reads_max = static_cast<std::uint32_t>(config.batch_reads_max);
  limits.chunk_bytes_max = static_cast<std::uint32_t>(config.chunk_bytes_max);
  limits.inflight_bytes_max = config.inflight_bytes_max;
  limits.inflight_bytes_per_stream_max = config.inflight_bytes_per_stream_max;
  limits.stream_stall_ms_max = config.stream_stall_ms_max;
  limits.pins_max = static_cast<std::uint32_t>(config.pins_max);
  limits.pins_per_client_max = static_cast<std::uint32_t>(config.pins_per_client_max);
  limits.pin_ttl_ms_max = config.pin_ttl_ms_max;
  limits.watch_events_max = static_cast<std::uint32_t>(config.watch_events_max);
  return limits;
}

absl::StatusOr<GatewayOptions> MakeOptions(const GatewayConfig& config) {
  GatewayOptions options;
  for (const std::string& text : config.gateway.listen) {
    SF_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    options.listen.push_back(address.ToString());
  }
  options.socket_mode = config.gateway.socket_mode;
  options.socket_group = config.gateway.socket_group;
  options.daemon_socket = config.gateway.daemon_socket;
  options.limits = MakeLimits(config.limits);
  return options;
}

void SetLogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::set_level(spdlog::level::trace);
    case LogLevel::kDebug:
      return spdlog::set_level(spdlog::level::debug);
    case LogLevel::kInfo:
      return spdlog::set_level(spdlog::level::info);
    case LogLevel::kWarn:
      return spdlog::set_level(spdlog::level::warn);
    case LogLevel::kError:
      return spdlog::set_level(spdlog::level::err);
  }
}

// What a running gateway can change: the log level. The rest needs a restart, and says so.
void Reload(const CommandLine& command_line) {
  const absl::StatusOr<GatewayConfig> config = LoadConfig(command_line);
  if (!config.ok()) {
    spdlog::error("reload: {}; the old configuration stays", MessageOf(config.status()));
    return;
  }
  SetLogLevel(config->gateway.log_level);
  spdlog::info("reloaded the log level; other changes take effect at a restart");
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
void WaitForTheEnd(const sigset_t& signals, const CommandLine& command_line,
                   ServiceNotifier& notifier) {
  const auto period = notifier.alive_period();
  timespec timeout{};
  timeout.tv_sec = period.count() / 1'000'000;
  timeout.tv_nsec = period.count() % 1'000'000 * 1000;
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, period.count() == 0 ? nullptr : &timeout);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) Reload(command_line);
    notifier.Alive();
  }
}

absl::Status Serve(const GatewayOptions& options, const CommandLine& command_line) {
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
  for (const std::string& address : server->addresses()) {
    fmt::print("listening on {}\n", address);
  }
  std::fflush(stdout);
  notifier.Ready("serving");
  WaitForTheEnd(signals, command_line, notifier);
  notifier.Stopping();
  spdlog::info("ending: open calls have {} ms", kShutdownGrace.count());
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  fmt::print(stderr, "stillframe-gateway: {}\n", MessageOf(status));
  return 1;
}

int Main(int argc, char** argv) {
  CommandLine command_line;
  CLI::App app("Serves a host's memory snapshots over gRPC.");
  app.set_version_flag("--version", "stillframe-gateway " STILLFRAME_VERSION);
  app.add_option("--config", command_line.config_path,
                 fmt::format("configuration file (default: {}, if there)", kConfigPathDefault));
  app.add_option("--listen", command_line.listen,
                 "unix:/PATH, 127.0.0.1:PORT or [::1]:PORT, port 0: any; may be repeated")
      ->take_all();
  app.add_option("--daemon-socket", command_line.daemon_socket, "the socket of stillframed");
  app.add_flag("--check-config", command_line.check_config,
               "say whether the configuration is good, and end");
  CLI11_PARSE(app, argc, argv);

  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  const absl::StatusOr<GatewayConfig> config = LoadConfig(command_line);
  if (!config.ok()) return Fail(config.status());
  const absl::StatusOr<GatewayOptions> options = MakeOptions(*config);
  if (!options.ok()) return Fail(options.status());
  SetLogLevel(config->gateway.log_level);
  if (command_line.check_config) {
    fmt::print("the configuration is good\n");
    return 0;
  }
  const absl::Status served = Serve(*options, command_line);
  return served.ok() ? 0 : Fail(served);
}

}  // namespace
}  // namespace stillframe

int main(int argc, char** argv) { return stillframe::Main(argc, argv); }
