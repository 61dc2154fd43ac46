// What /etc/stillframe/gateway.toml says.
//
// The initializers are the defaults; DescribeGatewayConfig() holds ranges and meanings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/schema.h"

namespace stillframe {

struct GatewaySettings {
  std::string daemon_socket = "/run/stillframe/stillframed.sock";
  std::vector<std::string> listen = {"unix:/run/stillframe/gateway.sock"};
  std::uint32_t socket_mode = 0660;
  std::string socket_group;  // empty: the gateway's own group
  std::string policy;        // empty: the permissions of unix sockets decide
  LogLevel log_level = LogLevel::kInfo;
};

struct GatewayLimits {
  std::uint64_t streams_max = 256;
  std::uint64_t streams_per_client_max = 32;
  std::uint64_t threads_max = 16;
  std::uint64_t request_ranges_max = 4096;
  std::uint64_t batch_reads_max = 16'384;
  std::uint64_t chunk_bytes_max = std::uint64_t{4} << 20;
  std::uint64_t inflight_bytes_max = std::uint64_t{256} << 20;
  std::uint64_t inflight_bytes_per_stream_max = std::uint64_t{8} << 20;
  std::uint64_t stream_stall_ms_max = 30'000;
  std::uint64_t pins_max = 256;
  std::uint64_t pins_per_client_max = 64;
  std::uint64_t pin_ttl_ms_max = 600'000;
  std::uint64_t watch_events_max = 1024;
};

// PEM files. All empty, or all but `crl` given.
struct TlsSettings {
  std::string certificate;
  std::string key;
  std::string client_ca;
  std::string crl;

  bool empty() const { return certificate.empty(); }
};

struct AuditSettings {
  std::string file;  // empty: none
  bool journal = false;
  std::uint64_t records_max = 8192;
};

struct MetricsSettings {
  std::string listen;  // empty: not served
};

struct GatewayConfig {
  GatewaySettings gateway;
  TlsSettings tls;
  AuditSettings audit;
  GatewayLimits limits;
  MetricsSettings metrics;
};

// `file_name` appears in errors. INVALID_ARGUMENT: one line, "FILE:LINE: KEY: what and why"; so
// also for a listen address that the network could reach.
absl::StatusOr<GatewayConfig> ParseGatewayConfig(std::string_view text, std::string_view file_name);

// As above, from a file; also NOT_FOUND or PERMISSION_DENIED when it cannot be read.
absl::StatusOr<GatewayConfig> LoadGatewayConfig(const std::string& path);

// Every key, bound to `config`, which must outlive the result.
Schema DescribeGatewayConfig(GatewayConfig& config);

}  // namespace stillframe
