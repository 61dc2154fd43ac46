#include "gateway/gateway_server.h"

#include <fmt/format.h>
#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <string_view>
#include <utility>

#include "base/status.h"
#include "gateway/gateway_context.h"
#include "gateway/guest_service.h"
#include "gateway/health_gate.h"
#include "gateway/memory_service.h"
#include "gateway/pin_service.h"
#include "gateway/snapshot_service.h"
#include "gateway/unix_socket.h"

namespace stillframe {
namespace {

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
  builder.AddChannelArgument(
      GRPC_ARG_MAX_CONCURRENT_STREAMS,
      static_cast<int>(limits.streams_per_client_max + kShortCallsPerConnection));
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

class Server final : public GatewayServer {
 public:
  Server(const GatewayOptions& options, DaemonLink::Connector connect,
         std::function<void(DaemonLink::State)> on_state)
      : warden_(
            std::make_shared<StreamWarden>(options.limits.stream_stall_ms_max, Clock::System())),
        budget_(std::make_shared<ByteBudget>(options.limits.inflight_bytes_max, warden_)),
        streams_(std::make_shared<Quota>(
            Quota::Bound{"streams_max", options.limits.streams_max},
            Quota::Bound{"streams_per_client_max", options.limits.streams_per_client_max})),
        pin_quota_(std::make_shared<Quota>(
            Quota::Bound{"pins_max", options.limits.pins_max},
            Quota::Bound{"pins_per_client_max", options.limits.pins_per_client_max})),
        pins_(options.limits.pin_ttl_ms_max, pin_quota_, Clock::System()),
        link_(std::move(connect), DaemonLink::Options{},
              [this, on_state = std::move(on_state)](DaemonLink::State state) {
                health_.Set(state);
                if (on_state) on_state(state);
              }),
        context_{options.limits, warden_, budget_, streams_, pins_, link_} {}

  ~Server() override {
    Shutdown(std::chrono::milliseconds(0));
    health_.Attach(nullptr);
  }

  absl::Status Listen(const GatewayOptions& options) {
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
      if (!path.empty()) SF_RETURN_IF_ERROR(ClearStaleSocket(path));
      builder.AddListeningPort(options.listen[i], grpc::InsecureServerCredentials(), &ports[i]);
    }
    builder.RegisterService(&guest_service_);
    builder.RegisterService(&snapshot_service_);
    builder.RegisterService(&pin_service_);
    builder.RegisterService(&memory_service_);
    {
      const PrivateSockets until_opened;
      server_ = builder.BuildAndStart();
    }
    for (std::size_t i = 0; i < options.listen.size(); ++i) {
      SF_RETURN_IF_ERROR(FinishAddress(options, options.listen[i], ports[i]));
    }
    if (server_ == nullptr) return absl::UnavailableError("start the gRPC server: it did not");
    health_.Attach(server_->GetHealthCheckService());
    return absl::OkStatus();
  }

  const std::vector<std::string>& addresses() const override { return addresses_; }

  void Shutdown(std::chrono::milliseconds grace) override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + grace);
  }

  Statistics statistics() const override {
    return {streams_->taken(), pin_quota_->taken(), budget_->bytes(), warden_->stalls()};
  }

 private:
  absl::Status FinishAddress(const GatewayOptions& options, const std::string& address, int port) {
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError(fmt::format(
          "listen on {}: in use, or this process may not; gRPC's own log has the cause", address));
    }
    const std::string path = UnixPathOf(address);
    if (path.empty()) {
      addresses_.push_back(fmt::format("{}:{}", address.substr(0, address.rfind(':')), port));
      return absl::OkStatus();
    }
    addresses_.push_back(address);
    return OpenSocketTo(path, options.socket_group, options.socket_mode);
  }

  HealthGate health_;
  const std::shared_ptr<StreamWarden> warden_;
  const std::shared_ptr<ByteBudget> budget_;
  const std::shared_ptr<Quota> streams_;
  const std::shared_ptr<Quota> pin_quota_;
  PinTable pins_;
  DaemonLink link_;
  GatewayContext context_;
  GuestService guest_service_{context_};
  SnapshotService snapshot_service_{context_};
  PinService pin_service_{context_};
  MemoryService memory_service_{context_};
  std::vector<std::string> addresses_;
  std::unique_ptr<grpc::Server> server_;  // last: no call is open once it is gone
};

}  // namespace

absl::StatusOr<std::unique_ptr<GatewayServer>> GatewayServer::Start(
    const GatewayOptions& options, DaemonLink::Connector connect,
    std::function<void(DaemonLink::State)> on_state) {
  auto server = std::make_unique<Server>(options, std::move(connect), std::move(on_state));
  SF_RETURN_IF_ERROR(server->Listen(options));
  return server;
}

}  // namespace stillframe
