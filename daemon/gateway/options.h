// What the gateway is told: where to listen, whose daemon to read from, and its bounds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "access/access_policy.h"
#include "config/gateway_config.h"

namespace stillframe {

// Every bound refuses with RESOURCE_EXHAUSTED, reason LIMIT_EXCEEDED, and names itself in the
// metadata, except the ones on bytes in flight: a stream waits for its reader there.
struct ServingLimits {
  std::uint32_t streams_max = 256;            // open streams and captures, of all clients
  std::uint32_t streams_per_client_max = 32;  // of one principal
  std::uint32_t threads_max = 16;             // of gRPC

  std::uint32_t request_ranges_max = 4096;
  std::uint32_t batch_reads_max = 16384;  // of one scatter request
  std::uint32_t chunk_bytes_max = std::uint32_t{4} << 20;

  std::uint64_t inflight_bytes_max = std::uint64_t{256} << 20;
  std::uint64_t inflight_bytes_per_stream_max = std::uint64_t{8} << 20;
  std::uint64_t stream_stall_ms_max = 30'000;  // a reader that takes nothing is cancelled

  std::uint32_t pins_max = 256;
  std::uint32_t pins_per_client_max = 64;
  std::uint64_t pin_ttl_ms_max = 600'000;

  std::uint32_t watch_events_max = 1024;  // waiting for a watcher; then it is told what it missed
};

struct GatewayOptions {
  // As gRPC takes them: "unix:/run/stillframe/gateway.sock", "127.0.0.1:0", "[::1]:50051". Without
  // `tls` only addresses that nobody reaches over the network.
  std::vector<std::string> listen;
  std::uint32_t socket_mode = 0660;
  std::string socket_group;  // empty: the process's own

  std::string daemon_socket;
  TlsSettings tls;  // for TCP addresses
  AccessPolicy policy = AccessPolicy::SocketPermissions();
  AuditSettings audit;
  ServingLimits limits;

  std::string metrics_listen;  // of loopback; empty: metrics are not served
};

}  // namespace stillframe
