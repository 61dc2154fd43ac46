// How messages travel over a stream: a 4-byte little-endian length, then that many bytes.
//
// Knows nothing of sockets, so it can be fuzzed; both ends use it. Thread-compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace google::protobuf {
class MessageLite;
}

namespace stillframe {

inline constexpr std::size_t kFrameHeaderBytes = 4;
inline constexpr std::size_t kRequestBytesMax = std::size_t{1} << 20;  // towards the daemon
inline constexpr std::size_t kReplyBytesMax = std::size_t{16} << 20;   // from the daemon
inline constexpr std::size_t kFrameDescriptorsMax = 128;

// Header and body of `message`. RESOURCE_EXHAUSTED when the body is over `body_bytes_max`.
absl::StatusOr<std::string> EncodeFrame(const google::protobuf::MessageLite& message,
                                        std::size_t body_bytes_max);

// Puts frames together from bytes as they arrive. The receiver reads into Space(), which never
// reaches past the frame at hand, so whatever comes along with a frame's first byte is told apart
// from its neighbours'.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // Where the next bytes belong. Empty only while a complete frame waits to be taken. Grows with
  // what has arrived: an announced length allocates nothing.
  std::span<std::byte> Space();

  // The first `bytes` of Space() were filled. INVALID_ARGUMENT when the announced length is over
  // the bound; nothing that follows in the stream can be understood.
  absl::Status Commit(std::size_t bytes);

  // Nothing of the next frame has arrived.
  bool idle() const { return header_filled_ == 0; }

  bool complete() const {
    return header_filled_ == kFrameHeaderBytes && body_filled_ == body_bytes_;
  }

  // The body of the complete frame; the next one begins.
  std::string Take();

 private:
  const std::size_t body_bytes_max_;
  std::array<std::byte, kFrameHeaderBytes> header_{};
  std::size_t header_filled_ = 0;
  std::string body_;
  std::size_t body_bytes_ = 0;
  std::size_t body_filled_ = 0;
};

}  // namespace stillframe
