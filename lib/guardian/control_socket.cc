#include "guardian/control_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"

namespace stillframe {
namespace {

union FdBuffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

absl::Status SendControl(int socket, const ControlMessage& message, int fd) {
  ControlMessage copy = message;
  iovec part{&copy, sizeof copy};
  FdBuffer buffer{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = buffer.bytes;
    header.msg_controllen = sizeof buffer.bytes;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return ErrnoStatus(errno, "write to the guardian's control socket");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ReceivedControl>> ReceiveControl(int socket) {
  ReceivedControl received;
  iovec part{&received.message, sizeof received.message};
  FdBuffer buffer{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = buffer.bytes;
  header.msg_controllen = sizeof buffer.bytes;
  ssize_t bytes;
  do {
    bytes = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (bytes < 0 && errno == EINTR);
  if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (bytes < 0) return ErrnoStatus(errno, "read the guardian's control socket");
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
      rights->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    received.fd.reset(fd);
  }
  if (bytes == 0) return absl::UnavailableError("the guardian's control socket was closed");
  if (static_cast<std::size_t>(bytes) != sizeof received.message) {
    return absl::InvalidArgumentError(fmt::format(
        "guardian control message has {} bytes instead of {}", bytes, sizeof received.message));
  }
  return std::optional<ReceivedControl>(std::move(received));
}

}  // namespace stillframe
