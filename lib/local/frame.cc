#include "local/frame.h"

#include <fmt/format.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <utility>

namespace stillframe {
namespace {

// A body grows by doubling from here, so memory is at most twice of what the peer really sent.
constexpr std::size_t kFirstSpaceBytes = 4096;

}  // namespace

absl::StatusOr<std::string> EncodeFrame(const google::protobuf::MessageLite& message,
                                        std::size_t body_bytes_max) {
  const std::size_t bytes = message.ByteSizeLong();
  if (bytes > body_bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("send a message of {} bytes: at most {} fit a frame", bytes, body_bytes_max));
  }
  std::string frame;
  frame.reserve(kFrameHeaderBytes + bytes);
  for (unsigned shift = 0; shift < 32; shift += 8) {
    frame += static_cast<char>(bytes >> shift & 0xff);
  }
  if (!message.AppendPartialToString(&frame)) return absl::InternalError("serialise a message");
  return frame;
}

std::span<std::byte> FrameDecoder::Space() {
  if (header_filled_ < kFrameHeaderBytes) return std::span(header_).subspan(header_filled_);
  if (body_filled_ == body_.size()) {
    const std::size_t room = std::max(kFirstSpaceBytes, body_filled_);
    body_.resize(std::min(body_bytes_, body_filled_ + room));
  }
  return std::as_writable_bytes(std::span(body_)).subspan(body_filled_);
}

absl::Status FrameDecoder::Commit(std::size_t bytes) {
  if (header_filled_ == kFrameHeaderBytes) {
    body_filled_ += bytes;
    return absl::OkStatus();
  }
  header_filled_ += bytes;
  if (header_filled_ < kFrameHeaderBytes) return absl::OkStatus();
  body_bytes_ = 0;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
    body_bytes_ |= static_cast<std::size_t>(header_[i]) << (8 * i);
  }
  if (body_bytes_ > body_bytes_max_) {
    return absl::InvalidArgumentError(
        fmt::format("receive a frame: it announces {} bytes, at most {} are allowed", body_bytes_,
                    body_bytes_max_));
  }
  return absl::OkStatus();
}

std::string FrameDecoder::Take() {
  header_filled_ = 0;
  body_filled_ = 0;
  body_bytes_ = 0;
  return std::exchange(body_, std::string());
}

}  // namespace stillframe
