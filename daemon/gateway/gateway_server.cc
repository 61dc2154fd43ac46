#include "gateway/gateway_server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>

#include <string_view>
#include <utility>

#include "base/status.h"
#include "gateway/access_service.h"
#include "gateway/audit/audit_sinks.h"
#include "gateway/gateway_context.h"
#include "gateway/guest_service.h"
#include "gateway/health_gate.h"
#include "gateway/host_service.h"
#include "gateway/identity/tls_credentials.h"
#include "gateway/identity/unix_peers.h"
#include "gateway/memory_service.h"
#include "gateway/metrics/metrics_endpoint.h"
#include "gateway/pin_service.h"
#include "gateway/snapshot_service.h"
#include "local/host_daemon.h"

namespace stillframe {
namespace {

// How soon health checks and the service manager hear of guests that are not captured any more.
constexpr std::chrono::milliseconds kGuestPollPeriod{2000};

constexpr std::string_view kUnixPrefix = "unix:";
constexpr int kRequestBytesMax = 4 << 20;
constexpr std::size_t kTransportBytesMax = std::size_t{512} << 20;

// Calls that are no streams are short, but need room on a connection full of streams.
constexpr std::uint32_t kShortCallsPerConnection = 32;

void Configure(const ServingLimits& limits, grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("stillframe-gateway");
  quota.Resize(kTransportBytesMax);
  quota.SetMaxThreads(static_cast<int>(limits.threads_max));
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits.streams_max + kShortCallsPerConnection));
  // Two gateways on one port would share its callers between them, unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that vanished without a word is found out within a minute.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
}

std::string UnixPathOf(const std::string& address) {
  return address.starts_with(kUnixPrefix) ? address.substr(kUnixPrefix.size()) : std::string();
}

absl::StatusOr<std::vector<std::unique_ptr<AuditSink>>> OpenSinks(const AuditSettings& settings) {
  std::vector<std::unique_ptr<AuditSink>> sinks;
  if (!settings.file.empty()) {
    SF_ASSIGN_OR_RETURN(auto file, OpenAuditFile(settings.file));
    sinks.push_back(std::move(file));
  }
  if (settings.journal) sinks.push_back(OpenAuditJournal());
  return sinks;
}

class Server final : public GatewayServer {
 public:
  Server(const GatewayOptions& options, std::vector<std::unique_ptr<AuditSink>> sinks,
         DaemonLink::Connector connect, std::function<void(DaemonLink::State)> on_state)
      : limits_(options.limits),
        certificates_(options.tls, Clock::System()),
        callers_(unix_peers_, options.tls.empty() ? nullptr : &certificates_),
        policies_(options.policy),
        audit_(std::move(sinks), options.audit.records_max),
        warden_(std::make_shared<StreamWarden>(limits_.stream_stall_ms_max, Clock::System())),
        budget_(std::make_shared<ByteBudget>(limits_.inflight_bytes_max, warden_)),
        budgets_(budget_),
        streams_(std::make_shared<Quota>(Quota::Bound{"streams_max", limits_.streams_max})),
        captures_(Clock::System()),
        pins_(limits_.pin_ttl_ms_max, limits_.pins_max, Clock::System()),
        link_(std::move(connect), DaemonLink::Options{},
              [this, on_state = std::move(on_state)](DaemonLink::State state) {
                health_.Set(state);
                if (on_state) on_state(state);
              }),
        gate_(policies_, link_),
        context_{limits_,  Clock::System(), callers_,  gate_,    audit_, warden_,
                 budgets_, streams_,        captures_, metrics_, pins_,  link_} {}

  ~Server() override {
    Shutdown(std::chrono::milliseconds(0));
    health_.Attach(nullptr);
  }

  absl::Status Listen(const GatewayOptions& options) {
    if (!options.tls.empty()) {
      SF_RETURN_IF_ERROR(certificates_.Load());
      RequireTls13();
    }
    // Never undone: when its last user goes, gRPC may wait 10 s for its backup poller (1.51,
    // tcp_posix.cc), and the end of the process has to be quick.
    grpc_init();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    Configure(options.limits, builder);
    std::vector<int> ports(options.listen.size(), 0);
    for (std::size_t i = 0; i < options.listen.size(); ++i) {
      const std::string path = UnixPathOf(options.listen[i]);
      if (!path.empty()) {
        SF_RETURN_IF_ERROR(unix_peers_.Listen(path, options.socket_group, options.socket_mode));
      } else {
        builder.AddListeningPort(options.listen[i], TcpCredentials(options), &ports[i]);
      }
    }
    builder.RegisterService(&access_service_);
    builder.RegisterService(&guest_service_);
    builder.RegisterService(&host_service_);
    builder.RegisterService(&snapshot_service_);
    builder.RegisterService(&pin_service_);
    builder.RegisterService(&memory_service_);
    server_ = builder.BuildAndStart();
    for (std::size_t i = 0; i < options.listen.size(); ++i) {
      SF_RETURN_IF_ERROR(FinishAddress(options.listen[i], ports[i]));
    }
    if (server_ == nullptr) return absl::UnavailableError("start the gRPC server: it did not");
    SF_RETURN_IF_ERROR(
        unix_peers_.Serve([this](int fd) { grpc::AddInsecureChannelFromFd(server_.get(), fd); }));
    health_.Attach(server_->GetHealthCheckService());
    return ServeMetrics(options);
  }

  std::string metrics_address() const override { return metrics_address_; }
  GuestPoll::Result guests() const override { return guest_poll_.result(); }

  const std::vector<std::string>& addresses() const override { return addresses_; }

  void Shutdown(std::chrono::milliseconds grace) override {
    unix_peers_.Stop();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + grace);
  }

  void SetPolicy(AccessPolicy policy) override {
    policies_.Replace(std::move(policy));
    pins_.Sweep([this](const PinTable::Owner& owner, const v1::Snapshot& snapshot) {
      return gate_.Has(owner.principal, snapshot.guest_name(), snapshot.guest_uuid(), Right::kPin);
    });
    warden_->RequestTurns();
  }

  absl::Status ReloadCertificates() override {
    SF_RETURN_IF_ERROR(certificates_.Load());
    warden_->RequestTurns();
    return absl::OkStatus();
  }

  void ReopenAudit() override { audit_.Reopen(); }

  Statistics statistics() const override {
    return {streams_->taken(), pins_.pins(), budget_->bytes(), warden_->stalls()};
  }

 private:
  absl::Status ServeMetrics(const GatewayOptions& options) {
    if (options.metrics_listen.empty()) return absl::OkStatus();
    SF_ASSIGN_OR_RETURN(ListenAddress address, ParseLoopbackAddress(options.metrics_listen));
    SF_ASSIGN_OR_RETURN(metrics_endpoint_,
                        MetricsEndpoint::Listen(address, [this] { return LookForMetrics(); }));
    address.port = static_cast<std::uint16_t>(metrics_endpoint_->port());
    metrics_address_ = address.ToString();
    return absl::OkStatus();
  }

  v1::Host::Gateway GatewayNow() const {
    v1::Host::Gateway gateway;
    gateway.set_version(STILLFRAME_VERSION);
    gateway.set_uptime_ms((Clock::System().MonotonicNs() - started_ns_) / 1'000'000);
    const Statistics now = statistics();
    gateway.set_streams(now.streams);
    gateway.set_pins(now.pins);
    gateway.set_inflight_bytes(now.inflight_bytes);
    gateway.set_stalls(now.stalls);
    return gateway;
  }

  absl::StatusOr<v1::Host> LookAtHost() {
    SF_ASSIGN_OR_RETURN(const auto client, link_.Client());
    SF_ASSIGN_OR_RETURN(const local::v1::Stats stats, client->GetStats());
    v1::Host host;
    *host.mutable_daemon() = ToHostDaemon(stats);
    *host.mutable_gateway() = GatewayNow();
    return host;
  }

  MetricsLook LookForMetrics() {
    MetricsLook look;
    auto host = LookAtHost();
    auto guests = link_.ListGuests();
    if (host.ok() && guests.ok()) {
      look.host = *std::move(host);
      look.guests = *std::move(guests);
    } else {
      *look.host.mutable_gateway() = GatewayNow();
    }
    look.calls = metrics_.calls();
    look.denials = metrics_.denials();
    look.streams_max = context_.limits.streams_max;
    look.pins_max = context_.limits.pins_max;
    look.inflight_bytes_max = context_.limits.inflight_bytes_max;
    return look;
  }

  std::shared_ptr<grpc::ServerCredentials> TcpCredentials(const GatewayOptions& options) {
    if (options.tls.empty()) return grpc::InsecureServerCredentials();
    credentials_.push_back(TlsCredentialsOf(certificates_));
    return credentials_.back();
  }

  absl::Status FinishAddress(const std::string& address, int port) {
    if (!UnixPathOf(address).empty()) {
      addresses_.push_back(address);
      return absl::OkStatus();
    }
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(fmt::format(
          "listen on {}: in use, or this process may not; gRPC's own log has the cause", address));
    }
    addresses_.push_back(fmt::format("{}:{}", address.substr(0, address.rfind(':')), port));
    return absl::OkStatus();
  }

  const ServingLimits limits_;
  HealthGate health_;
  UnixPeers unix_peers_;
  ServerCertificates certificates_;
  const CallerDirectory callers_;
  PolicyBoard policies_;
  AuditLog audit_;
  const std::shared_ptr<StreamWarden> warden_;
  const std::shared_ptr<ByteBudget> budget_;
  PrincipalBudgets budgets_;
  const std::shared_ptr<Quota> streams_;
  CaptureRate captures_;
  const std::uint64_t started_ns_ = Clock::System().MonotonicNs();
  GatewayMetrics metrics_;
  PinTable pins_;
  DaemonLink link_;
  const GuestGate gate_;
  GatewayContext context_;
  AccessService access_service_{context_};
  GuestService guest_service_{context_};
  SnapshotService snapshot_service_{context_};
  PinService pin_service_{context_};
  MemoryService memory_service_{context_};
  HostService host_service_{context_, [this] { return LookAtHost(); }};
  std::unique_ptr<MetricsEndpoint> metrics_endpoint_;
  std::string metrics_address_;
  GuestPoll guest_poll_{link_, kGuestPollPeriod, [this](const GuestPoll::Result& now) {
                          health_.SetGuests(now.all_well());
                        }};
  std::vector<std::shared_ptr<grpc::ServerCredentials>> credentials_;  // of one port each
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;  // last: no call is open once it is gone
};

}  // namespace

absl::StatusOr<std::unique_ptr<GatewayServer>> GatewayServer::Start(
    const GatewayOptions& options, DaemonLink::Connector connect,
    std::function<void(DaemonLink::State)> on_state) {
  SF_ASSIGN_OR_RETURN(auto sinks, OpenSinks(options.audit));
  auto server =
      std::make_unique<Server>(options, std::move(sinks), std::move(connect), std::move(on_state));
  SF_RETURN_IF_ERROR(server->Listen(options));
  return server;
}

}  // namespace stillframe
