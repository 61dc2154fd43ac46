#include "config/gateway_config.h"

#include <fmt/format.h>

#include <utility>

#include "base/status.h"
#include "base/units.h"
#include "config/config_file.h"
#include "config/listen_address.h"
#include "config/problems.h"
#include "config/toml_reader.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;

std::vector<Key> GatewayKeys(GatewaySettings& gateway) {
  return {
      {"daemon_socket", TextValue{&gateway.daemon_socket, TextForm::kSocketPath, ""},
       "Socket of stillframed: the key daemon.socket of stillframed.toml."},
      {"listen",
       TextListValue{&gateway.listen, 1, 16,
                     "of unix:/PATH, ADDRESS:PORT with a numeric address, or localhost:PORT",
                     CheckListenAddress},
       "Where gRPC is served. An address that the network could reach needs [tls]; without it, any "
       "user of this host can connect to a loopback port and is called anonymous. Users who come "
       "through a unix socket are known by name."},
      {"socket_mode", FileModeValue{&gateway.socket_mode},
       "Permissions of unix sockets. Without a policy, whoever may connect may read every guest's "
       "memory."},
      {"socket_group", TextValue{&gateway.socket_group, TextForm::kAccountName, "leave as it is"},
       "Group that unix sockets are given to; the gateway must be a member of it."},
      {"policy",
       TextValue{&gateway.policy, TextForm::kAbsolutePath,
                 "whoever a unix socket lets in may do everything but administer, nobody else may "
                 "do anything"},
       "File that says who may do what with which guest: policy.toml(5). Read anew when it "
       "changes; one with a mistake is reported and the old one stays in force."},
      {"log_level", LogLevelChoice(&gateway.log_level), "Least severe message that is logged."},
  };
}

std::vector<Key> TlsKeys(TlsSettings& tls) {
  constexpr std::string_view kNoTls = "no TLS";
  return {
      {"certificate", TextValue{&tls.certificate, TextForm::kAbsolutePath, kNoTls},
       "The gateway's certificate and those between it and its CA."},
      {"key", TextValue{&tls.key, TextForm::kAbsolutePath, kNoTls},
       "Its private key; no one but the gateway should be able to read it."},
      {"client_ca", TextValue{&tls.client_ca, TextForm::kAbsolutePath, kNoTls},
       "Certificates of the CAs that clients' certificates must come from. Every client needs one, "
       "with a SPIFFE URI or a DNS name as subject alternative name: that is who it is."},
      {"crl", TextValue{&tls.crl, TextForm::kAbsolutePath, "none is checked"},
       "Revocation lists of those CAs. A certificate whose CA has no list here is refused."},
  };
}

std::vector<Key> AuditKeys(AuditSettings& audit) {
  return {
      {"file", TextValue{&audit.file, TextForm::kAbsolutePath, "no file"},
       "File that gets one JSON object a line for every call: who, what, which guest and "
       "generation, which ranges, how many bytes, how it ended. Opened anew at SIGHUP."},
      {"journal", BooleanValue{&audit.journal},
       "Whether the same goes to the journal, with fields such as STILLFRAME_PRINCIPAL."},
      {"records_max", NumberValue{&audit.records_max, 16, 1'048'576, "records", ""},
       "Records of calls that are open or not written yet. At the bound calls are refused: what "
       "cannot be recorded is not done."},
  };
}

std::vector<Key> LimitKeys(GatewayLimits& limits) {
  return {
      {"streams_max", NumberValue{&limits.streams_max, 1, 65'536, "streams", ""},
       "Open streams and captures of all clients; the next one is refused."},
      {"streams_per_client_max",
       NumberValue{&limits.streams_per_client_max, 1, 65'536, "streams", ""},
       "The same for one principal, unless a [[quota]] of the policy names it. At most "
       "streams_max."},
      {"threads_max", NumberValue{&limits.threads_max, 2, 1024, "threads", ""},
       "Threads that serve calls."},
      {"request_ranges_max", NumberValue{&limits.request_ranges_max, 1, 1'048'576, "ranges", ""},
       "Page ranges in one read request."},
      {"batch_reads_max", NumberValue{&limits.batch_reads_max, 1, 1'048'576, "reads", ""},
       "Reads in one request of a scatter stream."},
      {"chunk_bytes_max", NumberValue{&limits.chunk_bytes_max, 64 * kKiB, 4 * kMiB, "bytes", ""},
       "Most page bytes in one message of a read stream. A multiple of 4096, at most "
       "inflight_bytes_per_stream_max."},
      {"inflight_bytes_max",
       NumberValue{&limits.inflight_bytes_max, kMiB, 1024 * kGiB, "bytes", ""},
       "Snapshot bytes handed to gRPC and not yet sent, over all streams; at the bound streams "
       "wait for their readers."},
      {"inflight_bytes_per_stream_max",
       NumberValue{&limits.inflight_bytes_per_stream_max, 64 * kKiB, 16 * kGiB, "bytes", ""},
       "The same for one stream. At most inflight_bytes_max."},
      {"stream_stall_ms_max", NumberValue{&limits.stream_stall_ms_max, 100, 3'600'000, "ms", ""},
       "A reader that takes nothing for this long is dropped."},
      {"pins_max", NumberValue{&limits.pins_max, 1, 65'536, "pins", ""},
       "Generations that all clients hold at once; pins_per_connection_max of stillframed.toml "
       "bounds them too."},
      {"pins_per_client_max", NumberValue{&limits.pins_per_client_max, 1, 65'536, "pins", ""},
       "The same for one principal, unless a [[quota]] of the policy names it. At most pins_max."},
      {"pin_ttl_ms_max", NumberValue{&limits.pin_ttl_ms_max, 1000, 86'400'000, "ms", ""},
       "Longest time that a pin lasts without being renewed; pin_ttl_ms_max of stillframed.toml "
       "bounds it too."},
      {"watch_events_max", NumberValue{&limits.watch_events_max, 1, 1'048'576, "events", ""},
       "Events that wait for a slow watcher; beyond, it is told which it missed."},
  };
}

std::vector<Key> MetricsKeys(MetricsSettings& metrics) {
  return {
      {"listen", TextValue{&metrics.listen, TextForm::kLoopbackAddress, "not served"},
       "Where GET /metrics answers; 127.0.0.1:9464, say. Any user of this host can read it, and it "
       "names every guest. A Prometheus elsewhere needs an agent or a TLS proxy on this host."},
  };
}

// What no range of a single key can say.
void CheckLimits(const GatewayLimits& limits, const TomlReader& reader, Problems& problems) {
  const auto at_most = [&](std::string_view key, std::uint64_t value, std::string_view bound,
                           std::uint64_t bound_value) {
    if (value <= bound_value) return;
    problems.Add(reader.LineOf("limits", key), fmt::format("limits.{}", key),
                 fmt::format("{} is more than {}, {}", value, bound, bound_value));
  };
  at_most("streams_per_client_max", limits.streams_per_client_max, "streams_max",
          limits.streams_max);
  at_most("inflight_bytes_per_stream_max", limits.inflight_bytes_per_stream_max,
          "inflight_bytes_max", limits.inflight_bytes_max);
  at_most("chunk_bytes_max", limits.chunk_bytes_max, "inflight_bytes_per_stream_max",
          limits.inflight_bytes_per_stream_max);
  at_most("pins_per_client_max", limits.pins_per_client_max, "pins_max", limits.pins_max);
  if (limits.chunk_bytes_max % kPageBytes != 0) {
    problems.Add(reader.LineOf("limits", "chunk_bytes_max"), "limits.chunk_bytes_max",
                 fmt::format("{} is not a multiple of {}", limits.chunk_bytes_max, kPageBytes));
  }
}

// Certificates come together, and addresses that the network reaches need them.
void CheckTls(const GatewayConfig& config, const TomlReader& reader, Problems& problems) {
  const TlsSettings& tls = config.tls;
  for (const auto& [key, value] : {std::pair<std::string_view, const std::string&>("key", tls.key),
                                   {"client_ca", tls.client_ca},
                                   {"certificate", tls.certificate}}) {
    const bool others =
        !tls.certificate.empty() || !tls.key.empty() || !tls.client_ca.empty() || !tls.crl.empty();
    if (value.empty() && others) {
      problems.Add(reader.LineOf("tls", key), fmt::format("tls.{}", key),
                   "missing: certificate, key and client_ca only work together");
    }
  }
  for (const std::string& text : config.gateway.listen) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    if (!address.ok()) continue;
    if (const absl::Status reach = CheckReach(*address, !tls.empty()); !reach.ok()) {
      problems.Add(reader.LineOf("gateway", "listen"), "gateway.listen", MessageOf(reach));
    }
  }
}

}  // namespace

Schema DescribeGatewayConfig(GatewayConfig& config) {
  return {
      {"gateway", "Where the gateway reads and where it serves.", GatewayKeys(config.gateway),
       SectionKind::kTable},
      {"tls",
       "Certificates for TCP addresses: TLS 1.3, and every client has to show a certificate of its "
       "own. The files are read anew when they change; what is wrong is reported and the old ones "
       "stay in force.",
       TlsKeys(config.tls), SectionKind::kTable},
      {"audit", "The record of every call. Off unless a file or the journal is named.",
       AuditKeys(config.audit), SectionKind::kTable},
      {"limits",
       "What clients may take together. At a bound a call is refused; others are not disturbed.",
       LimitKeys(config.limits), SectionKind::kTable},
      {"metrics", "What Prometheus scrapes, of the gateway and of stillframed.",
       MetricsKeys(config.metrics), SectionKind::kTable},
  };
}

absl::StatusOr<GatewayConfig> ParseGatewayConfig(std::string_view text,
                                                 std::string_view file_name) {
  SF_ASSIGN_OR_RETURN(const TomlReader reader, TomlReader::Parse(text, file_name));
  GatewayConfig config;
  const Schema schema = DescribeGatewayConfig(config);
  Problems problems(file_name);
  reader.CheckSections(schema, problems);
  for (const Section& section : schema) reader.ReadTable(section, problems);
  CheckLimits(config.limits, reader, problems);
  CheckTls(config, reader, problems);
  SF_RETURN_IF_ERROR(problems.First());
  return config;
}

absl::StatusOr<GatewayConfig> LoadGatewayConfig(const std::string& path) {
  SF_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return ParseGatewayConfig(text, path);
}

}  // namespace stillframe
