#include "grpc_channel.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr int kMessageBytesMax = 8 << 20;

absl::Status ReadPem(const std::string& path, std::string& out) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return ErrnoStatus(errno, fmt::format("read TLS file {}", path));
  }
  out = text.str();
  if (out.find("-----BEGIN") == std::string::npos) {
    return absl::InvalidArgumentError(fmt::format("read TLS file {}: not a PEM file", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const TlsFiles& tls) {
  if (tls.empty()) return grpc::InsecureChannelCredentials();
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("a TLS certificate and its key only work together");
  }
  grpc::SslCredentialsOptions options;
  SF_RETURN_IF_ERROR(ReadPem(tls.ca, options.pem_root_certs));
  SF_RETURN_IF_ERROR(ReadPem(tls.certificate, options.pem_cert_chain));
  SF_RETURN_IF_ERROR(ReadPem(tls.key, options.pem_private_key));
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments CommonArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  // A restarted gateway is found again within a second or two; connecting may take longer than that
  // (gRPC names the bound on it after backoff): a handshake on a busy host or a long way does.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Else connections with equal arguments are shared between channels of one process, and one
  // reader's flow control would hold up another's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const GrpcChannels>> GrpcChannels::Create(const Target& target,
                                                                         const TlsFiles& tls) {
  SF_ASSIGN_OR_RETURN(const auto credentials, CredentialsOf(tls));
  auto channels = std::make_shared<GrpcChannels>();
  channels->target = target;
  const std::string address =
      target.kind == Target::Kind::kGrpcUnix ? "unix:" + target.address : target.address;
  grpc::ChannelArguments arguments = CommonArguments();
  channels->calls = grpc::CreateCustomChannel(address, credentials, arguments);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  channels->bulk = grpc::CreateCustomChannel(address, credentials, arguments);
  return channels;
}

}  // namespace stillframe
