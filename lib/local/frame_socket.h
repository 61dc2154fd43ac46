// Frames and file descriptors over a non-blocking unix stream socket.
//
// Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "local/frame.h"

namespace stillframe {

struct ReceivedFrame {
  std::string body;
  std::vector<UniqueFd> descriptors;
};

// Whether a peer may send descriptors. Those that arrive uninvited never enter this process: the
// kernel drops them and the stream is in error.
enum class Descriptors { kRefused, kAccepted };

class FrameReceiver {
 public:
  FrameReceiver(std::size_t body_bytes_max, Descriptors descriptors)
      : decoder_(body_bytes_max), policy_(descriptors) {}

  // The next frame; nullopt: the socket has no more for now. UNAVAILABLE: the peer closed. Other
  // errors: the peer broke the protocol.
  absl::StatusOr<std::optional<ReceivedFrame>> Receive(int socket);

  // A frame has begun and is not complete.
  bool mid_frame() const { return !decoder_.idle(); }

 private:
  absl::StatusOr<std::size_t> ReceiveBytes(int socket);

  FrameDecoder decoder_;
  const Descriptors policy_;
  std::vector<UniqueFd> descriptors_;
};

struct OutgoingFrame {
  std::string bytes;                   // header and body
  std::vector<int> descriptors;        // borrowed from `lender`
  std::shared_ptr<const void> lender;  // keeps them open
};

// Frames that wait for the socket to take them.
class FrameSender {
 public:
  void Push(OutgoingFrame frame);

  // Sends what the socket takes without blocking. UNAVAILABLE: the peer is gone.
  absl::Status Flush(int socket);

  bool empty() const { return frames_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::deque<OutgoingFrame> frames_;
  std::size_t front_sent_ = 0;  // bytes of frames_.front()
  std::size_t bytes_ = 0;       // not yet sent
};

}  // namespace stillframe
