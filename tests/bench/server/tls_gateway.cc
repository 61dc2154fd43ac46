#include "bench/server/tls_gateway.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "base/clock.h"
#include "gateway/gateway_context.h"
#include "gateway/memory_service.h"
#include "gateway/pin_service.h"
#include "gateway/snapshot_service.h"

namespace stillframe::bench {
namespace {

class Server final : public TlsGateway {
 public:
  explicit Server(const std::string& daemon_socket)
      : warden_(std::make_shared<StreamWarden>(limits_.stream_stall_ms_max, Clock::System())),
        streams_(std::make_shared<Quota>(Quota::Bound{"streams_max", limits_.streams_max},
                                         Quota::Bound{"streams_per_client_max", 32})),
        pins_(limits_.pin_ttl_ms_max, streams_, Clock::System()),
        link_([daemon_socket] { return LocalClient::Connect(daemon_socket); },
              DaemonLink::Options{}, nullptr),
        context_{
            limits_,  warden_, std::make_shared<ByteBudget>(limits_.inflight_bytes_max, warden_),
            streams_, pins_,   link_} {}

  absl::Status Listen(const SelfSigned& identity) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({identity.key_pem, identity.certificate_pem});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
    builder.RegisterService(&snapshots_);
    builder.RegisterService(&pins_service_);
    builder.RegisterService(&memory_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::UnavailableError("start a gRPC server with TLS");
    address_ = fmt::format("127.0.0.1:{}", port);
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }

 private:
  const ServingLimits limits_;
  const std::shared_ptr<StreamWarden> warden_;
  const std::shared_ptr<Quota> streams_;
  PinTable pins_;
  DaemonLink link_;
  GatewayContext context_;
  SnapshotService snapshots_{context_};
  PinService pins_service_{context_};
  MemoryService memory_{context_};
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TlsGateway>> TlsGateway::Start(const std::string& daemon_socket,
                                                              const SelfSigned& identity) {
  auto server = std::make_unique<Server>(daemon_socket);
  const absl::Status listening = server->Listen(identity);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace stillframe::bench
