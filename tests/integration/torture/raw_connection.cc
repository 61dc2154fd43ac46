#include "integration/torture/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace stillframe {
namespace {

constexpr int kPatienceMs = 20'000;

bool Connect(int fd, const sockaddr* address, socklen_t bytes) {
  const timeval patience{kPatienceMs / 1000, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return connect(fd, address, bytes) == 0;
}

std::string BigEndian(std::uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text += static_cast<char>(value >> shift);
  }
  return text;
}

}  // namespace

RawConnection RawConnection::To(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) {
    sockaddr_un unix_address{};
    unix_address.sun_family = AF_UNIX;
    address.copy(unix_address.sun_path, sizeof unix_address.sun_path - 1, kUnix.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto* any = reinterpret_cast<const sockaddr*>(&unix_address);
    if (!Connect(fd.get(), any, sizeof unix_address)) fd.reset();
    return RawConnection(std::move(fd));
  }
  const std::size_t colon = address.rfind(':');
  sockaddr_in tcp{};
  tcp.sin_family = AF_INET;
  tcp.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &tcp.sin_addr);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!Connect(fd.get(), reinterpret_cast<const sockaddr*>(&tcp), sizeof tcp)) fd.reset();
  return RawConnection(std::move(fd));
}

bool RawConnection::Say(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawConnection::Hear(int silence_ms) const {
  std::string heard;
  char buffer[16384];
  pollfd readable{socket_.get(), POLLIN, 0};
  while (poll(&readable, 1, silence_ms) > 0) {
    const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) break;
    heard.append(buffer, static_cast<std::size_t>(got));
  }
  return heard;
}

bool RawConnection::HearsTheEnd() const {
  char buffer[16384];
  pollfd readable{socket_.get(), POLLIN, 0};
  while (poll(&readable, 1, kPatienceMs) > 0) {
    if (recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT) <= 0) return true;
  }
  return false;
}

void RawConnection::Reset() {
  const linger at_once{1, 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_.reset();
}

namespace http2 {
namespace {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kContinuation = 9
};
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::size_t kFrameBytesMax = 16384;

// HPACK: a prefix of seven bits, then groups of seven.
std::string Length(std::size_t length) {
  constexpr std::size_t kPrefix = 127;
  if (length < kPrefix) return std::string(1, static_cast<char>(length));
  std::string text(1, static_cast<char>(kPrefix));
  for (length -= kPrefix; length >= 128; length >>= 7) {
    text += static_cast<char>(0x80 | (length & 0x7f));
  }
  return text + static_cast<char>(length);
}

// A literal that is not indexed, without Huffman coding.
std::string Literal(const Header& header) {
  return std::string(1, '\0') + Length(header.first.size()) + header.first +
         Length(header.second.size()) + header.second;
}

}  // namespace

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string frame = BigEndian(payload.size(), 3);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  return (frame += BigEndian(stream, 4)) += payload;
}

std::string Begin(std::uint32_t window) {
  constexpr std::uint64_t kInitialWindowSize = 4;
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
         Frame(kSettings, 0, 0, BigEndian(kInitialWindowSize, 2) + BigEndian(window, 4));
}

std::string Call(std::uint32_t stream, std::string_view method, End end,
                 const std::vector<Header>& more) {
  std::vector<Header> headers = {{":method", "POST"},
                                 {":scheme", "http"},
                                 {":path", std::string(method)},
                                 {":authority", "localhost"},
                                 {"content-type", "application/grpc"},
                                 {"te", "trailers"}};
  headers.insert(headers.end(), more.begin(), more.end());
  std::string block;
  for (const Header& header : headers) block += Literal(header);
  std::string frames;
  for (std::size_t at = 0; at < block.size(); at += kFrameBytesMax) {
    const bool last = block.size() - at <= kFrameBytesMax;
    std::uint8_t flags = last ? kEndHeaders : 0;
    if (at == 0 && end == End::kStream) flags |= kEndStream;
    frames += Frame(at == 0 ? kHeaders : kContinuation, flags, stream,
                    std::string_view(block).substr(at, kFrameBytesMax));
  }
  return frames;
}

std::string Message(std::uint32_t stream, std::string_view body, End end) {
  const std::string message = std::string(1, '\0') + BigEndian(body.size(), 4) + std::string(body);
  return Frame(kData, end == End::kStream ? kEndStream : 0, stream, message);
}

std::string Reset(std::uint32_t stream) {
  constexpr std::uint64_t kCancel = 8;
  return Frame(kReset, 0, stream, BigEndian(kCancel, 4));
}

}  // namespace http2

}  // namespace stillframe
