// A connection that says what it likes: plain bytes, or HTTP/2 frames by hand.
//
// Owned by one thread. Reading and writing give up after some seconds instead of blocking for ever.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace stillframe {

class RawConnection {
 public:
  // `address`: "unix:/PATH" or "HOST:PORT" with a numeric host. Invalid when nobody accepts.
  static RawConnection To(const std::string& address);

  bool valid() const { return socket_.valid(); }
  int socket() const { return socket_.get(); }

  // False: the peer is gone or does not read.
  bool Say(std::string_view bytes) const;

  // What comes until the peer is done, closes, or is silent for `silence_ms`.
  std::string Hear(int silence_ms) const;

  // Whether the peer ends the connection within some seconds. Drops what it says before.
  bool HearsTheEnd() const;

  // Ends it with a reset where there are such (TCP); unread bytes do it on unix sockets.
  void Reset();

 private:
  explicit RawConnection(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

// Frames of HTTP/2 (RFC 9113), as far as gRPC calls are made of them.
namespace http2 {

using Header = std::pair<std::string, std::string>;

enum class End : bool { kOpen, kStream };

// Preface and SETTINGS; `window` is what the peer may send on each stream unasked.
std::string Begin(std::uint32_t window);

std::string Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload);

// HEADERS (and CONTINUATIONs, as the block needs) of a call of `method`, "/package.Service/Name".
std::string Call(std::uint32_t stream, std::string_view method, End end,
                 const std::vector<Header>& more = {});

// DATA with one gRPC message.
std::string Message(std::uint32_t stream, std::string_view body, End end);

std::string Reset(std::uint32_t stream);

}  // namespace http2

}  // namespace stillframe
