#include "local/frame_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kFrameDescriptorsMax * sizeof(int));

void TakeDescriptors(msghdr& message, std::vector<UniqueFd>& into) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      into.emplace_back(fd);
    }
  }
}

bool WouldBlock(int errno_value) { return errno_value == EAGAIN || errno_value == EWOULDBLOCK; }

absl::Status PeerGone() { return absl::UnavailableError("the peer closed the connection"); }

}  // namespace

// Zero bytes: the socket has none now.
absl::StatusOr<std::size_t> FrameReceiver::ReceiveBytes(int socket) {
  const std::span<std::byte> space = decoder_.Space();
  iovec part{space.data(), space.size()};
  alignas(cmsghdr) std::byte control[kControlBytes];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (policy_ == Descriptors::kAccepted) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  ssize_t received = 0;
  do {
    received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    if (WouldBlock(errno)) return 0;
    if (errno == ECONNRESET) return PeerGone();
    return ErrnoStatus(errno, "receive from a local socket");
  }

  const bool at_start = decoder_.idle();
  std::vector<UniqueFd> arrived;
  TakeDescriptors(message, arrived);
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return absl::InvalidArgumentError(
        policy_ == Descriptors::kAccepted
            ? "receive a frame: its file descriptors did not arrive (over 128, or this process "
              "is at its limit of open files)"
            : "receive a frame: it carries file descriptors, none are expected");
  }
  if (received == 0) return PeerGone();
  if (!arrived.empty()) {
    if (!at_start) {
      return absl::InvalidArgumentError(
          "receive a frame: file descriptors came after its first byte");
    }
    descriptors_ = std::move(arrived);
  }
  SF_RETURN_IF_ERROR(decoder_.Commit(static_cast<std::size_t>(received)));
  return static_cast<std::size_t>(received);
}

absl::StatusOr<std::optional<ReceivedFrame>> FrameReceiver::Receive(int socket) {
  while (!decoder_.complete()) {
    SF_ASSIGN_OR_RETURN(const std::size_t received, ReceiveBytes(socket));
    if (received == 0) return std::nullopt;
  }
  return ReceivedFrame{decoder_.Take(), std::exchange(descriptors_, {})};
}

void FrameSender::Push(OutgoingFrame frame) {
  bytes_ += frame.bytes.size();
  frames_.push_back(std::move(frame));
}

absl::Status FrameSender::Flush(int socket) {
  while (!frames_.empty()) {
    OutgoingFrame& frame = frames_.front();
    iovec part{frame.bytes.data() + front_sent_, frame.bytes.size() - front_sent_};
    alignas(cmsghdr) std::byte control[kControlBytes] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (front_sent_ == 0 && !frame.descriptors.empty()) {
      if (frame.descriptors.size() > kFrameDescriptorsMax) {
        return absl::InternalError("send a frame: more than 128 file descriptors");
      }
      const std::size_t fd_bytes = frame.descriptors.size() * sizeof(int);
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fd_bytes);
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fd_bytes);
      std::memcpy(CMSG_DATA(header), frame.descriptors.data(), fd_bytes);
    }
    const ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (WouldBlock(errno)) return absl::OkStatus();
      if (errno == EPIPE || errno == ECONNRESET) return PeerGone();
      return ErrnoStatus(errno, "send to a local socket");
    }
    front_sent_ += static_cast<std::size_t>(sent);
    bytes_ -= static_cast<std::size_t>(sent);
    if (front_sent_ == frame.bytes.size()) {
      frames_.pop_front();
      front_sent_ = 0;
    }
  }
  return absl::OkStatus();
}

}  // namespace stillframe
