#include "bench/server/raw_server.h"

#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include "base/status.h"
#include "support/temp_directory.h"

namespace stillframe::bench {
namespace {

absl::StatusOr<SslContext> ContextOf(const Credential& files) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  const TempDirectory directory;
  const std::string certificate = directory.path() + "/cert.pem";
  const std::string key = directory.path() + "/key.pem";
  std::ofstream(certificate) << files.certificate;
  std::ofstream(key) << files.key;
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return absl::InternalError("make a TLS context: OpenSSL refuses the certificate");
  }
  return context;
}

absl::Status Answer(ByteSocket& socket, const MemoryPieces& memory) {
  const std::size_t piece_bytes = memory.front().size();
  while (true) {
    RawRequest request;
    SF_RETURN_IF_ERROR(socket.Receive(&request, sizeof request));
    if (request.buffer_bytes != 0) socket.SetBufferBytes(request.buffer_bytes);
    for (std::uint64_t left = request.bytes; left > 0;) {
      const std::uint64_t offset = request.address % piece_bytes;
      const auto piece = memory[request.address / piece_bytes % memory.size()];
      const std::uint64_t count = std::min({left, request.send_bytes, piece.size() - offset});
      SF_RETURN_IF_ERROR(socket.Send(piece.data() + offset, count));
      left -= count;
      request.address += count;
    }
  }
}

class RawServer {
 public:
  RawServer(UniqueFd listener, SslContext context, const MemoryPieces& memory)
      : listener_(std::move(listener)), context_(std::move(context)), memory_(memory) {}

  void AcceptForEver() {
    while (true) {
      UniqueFd accepted(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!accepted.valid()) return;
      connections_.emplace_back([this, socket = std::move(accepted)]() mutable {
        auto connection = ByteSocket::Serve(std::move(socket), context_.get());
        if (connection.ok()) Answer(*connection, memory_).IgnoreError();  // ends with the client
      });
    }
  }

 private:
  const UniqueFd listener_;
  const SslContext context_;
  const MemoryPieces memory_;
  std::list<std::thread> connections_;
};

}  // namespace

absl::StatusOr<std::string> StartRawServer(const std::string& listen, const Credential* tls,
                                           const MemoryPieces& memory) {
  SslContext context;
  if (tls != nullptr) {
    SF_ASSIGN_OR_RETURN(context, ContextOf(*tls));
  }
  SF_ASSIGN_OR_RETURN(ListeningSocket listening, ListenAt(listen));
  // Both live as long as the process.
  auto* server = new RawServer(std::move(listening.socket), std::move(context), memory);
  static std::list<std::thread> acceptors;
  acceptors.emplace_back([server] { server->AcceptForEver(); });
  return listening.address;
}

}  // namespace stillframe::bench
