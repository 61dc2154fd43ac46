#include "gateway/settings.h"

#include <utility>

#include "access/policy_file.h"
#include "base/status.h"
#include "config/listen_address.h"

namespace stillframe {
namespace {

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

}  // namespace

absl::StatusOr<GatewayConfig> LoadSettings(const GatewayCommandLine& command_line) {
  const bool named = !command_line.config_path.empty();
  GatewayConfig config;
  auto loaded = LoadGatewayConfig(named ? command_line.config_path : kGatewayConfigPath);
  if (loaded.ok()) {
    config = *std::move(loaded);
  } else if (named || !absl::IsNotFound(loaded.status())) {
    return loaded.status();
  }
  if (!command_line.listen.empty()) config.gateway.listen = command_line.listen;
  if (!command_line.daemon_socket.empty()) {
    config.gateway.daemon_socket = command_line.daemon_socket;
  }
  if (!command_line.policy.empty()) config.gateway.policy = command_line.policy;
  return config;
}

absl::StatusOr<AccessPolicy> LoadPolicy(const GatewayConfig& config) {
  if (config.gateway.policy.empty()) return AccessPolicy::SocketPermissions();
  return LoadAccessPolicy(config.gateway.policy);
}

absl::StatusOr<GatewayOptions> MakeOptions(const GatewayConfig& config) {
  GatewayOptions options;
  for (const std::string& text : config.gateway.listen) {
    SF_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(text));
    SF_RETURN_IF_ERROR(CheckReach(address, !config.tls.empty()));
    options.listen.push_back(address.ToString());
  }
  options.socket_mode = config.gateway.socket_mode;
  options.socket_group = config.gateway.socket_group;
  options.daemon_socket = config.gateway.daemon_socket;
  options.tls = config.tls;
  options.audit = config.audit;
  options.limits = MakeLimits(config.limits);
  options.metrics_listen = config.metrics.listen;
  SF_ASSIGN_OR_RETURN(options.policy, LoadPolicy(config));
  return options;
}

}  // namespace stillframe
