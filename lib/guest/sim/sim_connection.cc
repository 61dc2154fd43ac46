#include "guest/sim/sim_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/status.h"

namespace stillframe::sim {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kFdsMax = 4;

// A peer that floods us with replies to nothing must not hold us longer than this many.
constexpr int kStaleRepliesMax = 64;

absl::Status WaitFor(int fd, short events, SteadyTime deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return absl::DeadlineExceededError("simulated guest does not answer");
    pollfd waiting{fd, events, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "wait for simulated guest");
  }
}

absl::Status Gone() { return absl::NotFoundError("simulated guest closed the connection"); }

absl::Status Send(int fd, const Request& request, SteadyTime deadline) {
  for (;;) {
    if (send(fd, &request, sizeof request, MSG_DONTWAIT | MSG_NOSIGNAL) ==
        static_cast<ssize_t>(sizeof request)) {
      return absl::OkStatus();
    }
    if (errno == EPIPE || errno == ECONNRESET) return Gone();
    if (errno == EAGAIN) {
      SF_RETURN_IF_ERROR(WaitFor(fd, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "send to simulated guest");
    }
  }
}

struct Received {
  std::size_t bytes = 0;
  std::array<UniqueFd, kFdsMax> fds;
  std::size_t fd_count = 0;
  bool truncated = false;
};

absl::Status Receive(int fd, std::span<iovec> parts, SteadyTime deadline, Received& received) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsMax)> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t bytes;
  while ((bytes = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == ECONNRESET) return Gone();
    if (errno == EAGAIN) {
      SF_RETURN_IF_ERROR(WaitFor(fd, POLLIN, deadline));
    } else if (errno != EINTR) {
      return ErrnoStatus(errno, "receive from simulated guest");
    }
    message.msg_controllen = control.size();
  }
  if (bytes == 0) return Gone();
  received.bytes = static_cast<std::size_t>(bytes);
  received.truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && received.fd_count < kFdsMax; ++i) {
      int passed;
      std::memcpy(&passed, CMSG_DATA(part) + i * sizeof(int), sizeof passed);
      received.fds[received.fd_count++].reset(passed);
    }
  }
  return absl::OkStatus();
}

absl::Status AnsweredError(const ReplyHeader& header) {
  if (header.code < 0 || header.code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::DataLossError(fmt::format("simulated guest answered code {}", header.code));
  }
  return absl::Status(static_cast<absl::StatusCode>(header.code),
                      absl::string_view(header.message.data(),
                                        strnlen(header.message.data(), header.message.size())));
}

}  // namespace

absl::StatusOr<SimConnection> SimConnection::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        fmt::format("connect to simulated guest at {}: path is longer than {} bytes", path,
                    sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoStatus(errno, "create socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const std::string attempt = fmt::format("connect to simulated guest at {}", path);
    if (errno == ECONNREFUSED) return absl::NotFoundError(attempt + ": its process is gone");
    return ErrnoStatus(errno, attempt);
  }
  return SimConnection(std::move(fd));
}

// Serials start at the present time: an earlier holder of this socket counted from less, so that a
// reply that came too late for it is not taken for ours.
SimConnection::SimConnection(UniqueFd fd)
    : fd_(std::move(fd)),
      serial_(
          static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())) {
}

pid_t SimConnection::peer_pid() const {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return 0;
  return peer.pid;
}

absl::Status SimConnection::Call(Request request, std::span<std::byte> body,
                                 std::span<UniqueFd> fds, std::chrono::milliseconds timeout) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + timeout;
  request.serial = ++serial_;
  SF_RETURN_IF_ERROR(Send(fd_.get(), request, deadline));
  for (int stale = 0; stale < kStaleRepliesMax; ++stale) {
    ReplyHeader header;
    iovec parts[] = {{&header, sizeof header}, {body.data(), body.size()}};
    Received received;
    SF_RETURN_IF_ERROR(Receive(fd_.get(), parts, deadline, received));
    if (received.bytes < sizeof header || header.protocol != kProtocol) {
      return absl::DataLossError("simulated guest speaks another protocol");
    }
    // The late reply to a call that timed out, or that another holder of this socket made.
    if (header.serial != request.serial || header.command != request.command) continue;
    if (header.code != 0) return AnsweredError(header);
    if (received.truncated || header.body_bytes != body.size() ||
        received.bytes != sizeof header + body.size() || received.fd_count != fds.size()) {
      return absl::DataLossError(fmt::format(
          "simulated guest answered {} bytes and {} descriptors, {} and {} were expected",
          received.bytes, received.fd_count, sizeof header + body.size(), fds.size()));
    }
    std::move(received.fds.begin(), received.fds.begin() + fds.size(), fds.begin());
    return absl::OkStatus();
  }
  return absl::DataLossError("simulated guest sends replies that nobody asked for");
}

}  // namespace stillframe::sim
