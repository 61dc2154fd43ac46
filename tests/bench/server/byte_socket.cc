#include "bench/server/byte_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace stillframe::bench {
namespace {

constexpr char kUnixPrefix[] = "unix:";
constexpr std::size_t kTlsReadAheadBytes = std::size_t{256} << 10;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;

  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress Parse(const std::string& text) {
  SocketAddress address;
  if (text.starts_with(kUnixPrefix)) {
    auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
    local->sun_family = AF_UNIX;
    text.copy(local->sun_path, sizeof local->sun_path - 1, sizeof kUnixPrefix - 1);
    address.bytes = sizeof *local;
  } else {
    auto* internet = reinterpret_cast<sockaddr_in*>(&address.storage);
    internet->sin_family = AF_INET;
    internet->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    internet->sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
    address.bytes = sizeof *internet;
  }
  return address;
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // no error on unix sockets counts
}

absl::Status Gone() { return absl::UnavailableError("the peer is gone"); }

}  // namespace

absl::StatusOr<ByteSocket> ByteSocket::Connect(const std::string& text, SSL_CTX* context) {
  SocketAddress address = Parse(text);
  UniqueFd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid() || connect(socket.get(), address.generic(), address.bytes) != 0) {
    return ErrnoStatus(errno, "connect to " + text);
  }
  SendAtOnce(socket.get());
  ByteSocket connected(std::move(socket));
  if (context != nullptr) SF_RETURN_IF_ERROR(connected.StartTls(context, SSL_connect));
  return connected;
}

absl::StatusOr<ByteSocket> ByteSocket::Serve(UniqueFd socket, SSL_CTX* context) {
  SendAtOnce(socket.get());
  ByteSocket accepted(std::move(socket));
  if (context != nullptr) SF_RETURN_IF_ERROR(accepted.StartTls(context, SSL_accept));
  return accepted;
}

absl::StatusOr<SslContext> ClientTls() {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return absl::InternalError("make a TLS context: OpenSSL refuses");
  // Else OpenSSL makes two system calls for each record of 16 KiB. The cipher is the one that
  // gRPC's ends agree on too: OpenSSL's first, TLS_AES_256_GCM_SHA384.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_default_read_buffer_len(context.get(), kTlsReadAheadBytes);
  return context;
}

void ByteSocket::SetBufferBytes(std::uint64_t bytes) {
  const int value = static_cast<int>(bytes);
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &value, sizeof value);
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &value, sizeof value);
}

void ByteSocket::SetLowWaterBytes(std::uint64_t bytes) {
  const int value = static_cast<int>(bytes);
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
}

absl::Status ByteSocket::StartTls(SSL_CTX* context, int (*handshake)(SSL*)) {
  ssl_.reset(SSL_new(context));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.get()) != 1 || handshake(ssl_.get()) != 1) {
    return absl::UnavailableError("TLS handshake failed");
  }
  return absl::OkStatus();
}

absl::Status ByteSocket::Send(const void* bytes, std::size_t count) {
  const auto* at = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t sent = ssl_ != nullptr ? SSL_write(ssl_.get(), at, static_cast<int>(count))
                                         : send(socket_.get(), at, count, MSG_NOSIGNAL);
    if (sent <= 0) return Gone();
    at += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return absl::OkStatus();
}

absl::Status ByteSocket::Receive(void* bytes, std::size_t count) {
  auto* at = static_cast<char*>(bytes);
  while (count > 0) {
    SF_ASSIGN_OR_RETURN(const std::size_t received, ReceiveSome(at, count));
    at += received;
    count -= received;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> ByteSocket::ReceiveSome(void* bytes, std::size_t count) {
  const ssize_t received = ssl_ != nullptr ? SSL_read(ssl_.get(), bytes, static_cast<int>(count))
                                           : recv(socket_.get(), bytes, count, 0);
  if (received <= 0) return Gone();
  return static_cast<std::size_t>(received);
}

absl::StatusOr<ListeningSocket> ListenAt(const std::string& text) {
  constexpr int kBacklog = 64;
  SocketAddress address = Parse(text);
  ListeningSocket listening;
  listening.socket = UniqueFd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int socket = listening.socket.get();
  if (socket < 0 || bind(socket, address.generic(), address.bytes) != 0 ||
      listen(socket, kBacklog) != 0 ||
      getsockname(socket, address.generic(), &address.bytes) != 0) {
    return ErrnoStatus(errno, "listen at " + text);
  }
  listening.address = text;
  if (address.storage.ss_family == AF_INET) {
    const auto* internet = reinterpret_cast<const sockaddr_in*>(&address.storage);
    listening.address = fmt::format("127.0.0.1:{}", ntohs(internet->sin_port));
  }
  return listening;
}

}  // namespace stillframe::bench
