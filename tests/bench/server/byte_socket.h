// A connected stream socket, plain or under TLS: what gRPC is measured against.
//
// Owned by one thread.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace stillframe::bench {

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;

// What a client asks of a raw server, as it goes over the wire: `bytes` of the guest's memory from
// `address` on, around its end, in sends of `send_bytes` through a socket buffer of `buffer_bytes`
// (0: as it is).
struct RawRequest {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::uint64_t send_bytes = 0;
  std::uint64_t buffer_bytes = 0;
};

// What a client needs for TLS with gRPC's cipher, without a look at the certificate.
absl::StatusOr<SslContext> ClientTls();

class ByteSocket {
 public:
  // `address`: "unix:PATH" or "127.0.0.1:PORT". TLS when `context` is not null.
  static absl::StatusOr<ByteSocket> Connect(const std::string& address, SSL_CTX* context);

  // The server's end of a connection that was accepted.
  static absl::StatusOr<ByteSocket> Serve(UniqueFd socket, SSL_CTX* context);

  // SO_SNDBUF and SO_RCVBUF, as far as the kernel's bounds allow.
  void SetBufferBytes(std::uint64_t bytes);

  // SO_RCVLOWAT: how much a receive waits for at the least. Counts what TLS adds.
  void SetLowWaterBytes(std::uint64_t bytes);

  // All of them; UNAVAILABLE when the peer is gone.
  absl::Status Send(const void* bytes, std::size_t count);
  absl::Status Receive(void* bytes, std::size_t count);

  // At least one and at the most `count`; their number.
  absl::StatusOr<std::size_t> ReceiveSome(void* bytes, std::size_t count);

 private:
  explicit ByteSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  absl::Status StartTls(SSL_CTX* context, int (*handshake)(SSL*));

  UniqueFd socket_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
};

struct ListeningSocket {
  UniqueFd socket;
  std::string address;  // as Connect takes it
};

// At `address`; port 0 becomes a free one.
absl::StatusOr<ListeningSocket> ListenAt(const std::string& address);

}  // namespace stillframe::bench
