#include "guest/qmp/qmp_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace stillframe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kExitGraceMs = 200;
constexpr std::size_t kFirstBufferBytes = std::size_t{128} << 10;

// Milliseconds left for poll(), rounded up; 0 once the deadline has passed.
int PollBudget(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

absl::Status ErrorOf(std::string_view command, const QmpFrame& frame) {
  return absl::FailedPreconditionError(fmt::format("QMP {}: QEMU refused: {:.300}", command,
                                                   Unquote(FindMember(frame.body, "desc"))));
}

}  // namespace

QmpConnection::QmpConnection(UniqueFd socket, std::string path, UniqueFd peer, pid_t peer_pid)
    : socket_(std::move(socket)),
      path_(std::move(path)),
      peer_(std::move(peer)),
      peer_pid_(peer_pid) {
  buffer_.resize(kFirstBufferBytes);
}

absl::StatusOr<std::unique_ptr<QmpConnection>> QmpConnection::Connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        fmt::format("QMP socket {}: the path is longer than {} bytes: use a shorter one", path,
                    sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "create a socket for QMP");
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ECONNREFUSED) {
      return absl::NotFoundError(
          fmt::format("connect to QMP socket {}: nobody listens there any more", path));
    }
    return ErrnoStatus(errno, fmt::format("connect to QMP socket {}", path));
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    return ErrnoStatus(errno, fmt::format("ask who serves QMP socket {}", path));
  }
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)));
  return std::unique_ptr<QmpConnection>(
      new QmpConnection(std::move(socket), path, std::move(process), peer.pid));
}

UniqueFd QmpConnection::DuplicatePeer() const {
  return UniqueFd(fcntl(peer_.get(), F_DUPFD_CLOEXEC, 0));
}

absl::Status QmpConnection::Negotiate(Timeout timeout) {
  if (ready_) return absl::OkStatus();
  const auto deadline = Clock::now() + timeout;
  for (;;) {
    absl::StatusOr<QmpFrame> frame = NextFrame(deadline, Growth::kAllowed);
    if (absl::IsDeadlineExceeded(frame.status())) {
      return absl::DeadlineExceededError(fmt::format(
          "QMP socket {} does not greet: another client holds this monitor, or QEMU hangs; give "
          "Stillframe a monitor of its own (-qmp unix:PATH,server=on,wait=off)",
          path_));
    }
    SF_RETURN_IF_ERROR(frame.status());
    if (frame->kind == QmpFrameKind::kGreeting) break;
    if (frame->kind == QmpFrameKind::kMalformed) {
      return absl::UnavailableError(
          fmt::format("what listens on {} does not speak QMP: is it QEMU's -qmp socket?", path_));
    }
  }
  absl::StatusOr<QmpFrame> reply = Call("qmp_capabilities", "", std::max(timeout, Timeout(1000)));
  SF_RETURN_IF_ERROR(reply.status());
  ready_ = true;
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::json> QmpConnection::Execute(std::string_view command,
                                                      const nlohmann::json& arguments,
                                                      Timeout timeout) {
  const std::string id = fmt::format("sf-{}", next_id_++);
  nlohmann::json request = {{"execute", command}, {"id", id}};
  if (!arguments.is_null()) request["arguments"] = arguments;
  const auto deadline = Clock::now() + timeout;
  SF_RETURN_IF_ERROR(Send(
      request.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n", -1, deadline));
  SF_ASSIGN_OR_RETURN(QmpFrame frame, AwaitReply(id, deadline, Growth::kAllowed));
  if (frame.kind == QmpFrameKind::kError) return ErrorOf(command, frame);
  nlohmann::json reply = nlohmann::json::parse(frame.body, nullptr, /*allow_exceptions=*/false);
  if (reply.is_discarded()) {
    return absl::DataLossError(fmt::format("QMP {}: the reply is not JSON", command));
  }
  return reply;
}

absl::StatusOr<std::string> QmpConnection::ExecuteHuman(std::string_view line, Timeout timeout) {
  SF_ASSIGN_OR_RETURN(nlohmann::json reply,
                      Execute("human-monitor-command", {{"command-line", line}}, timeout));
  if (!reply.is_string()) {
    return absl::DataLossError(fmt::format("QMP '{}': the reply is not text", line));
  }
  return reply.get<std::string>();
}

absl::Status QmpConnection::PassFd(std::string_view name, int fd, Timeout timeout) {
  const std::string id = fmt::format("sf-{}", next_id_++);
  const nlohmann::json request = {
      {"execute", "getfd"}, {"arguments", {{"fdname", name}}}, {"id", id}};
  const auto deadline = Clock::now() + timeout;
  SF_RETURN_IF_ERROR(Send(request.dump() + "\n", fd, deadline));
  SF_ASSIGN_OR_RETURN(QmpFrame frame, AwaitReply(id, deadline, Growth::kAllowed));
  return frame.kind == QmpFrameKind::kError ? ErrorOf("getfd", frame) : absl::OkStatus();
}

absl::StatusOr<QmpFrame> QmpConnection::Call(std::string_view command, std::string_view arguments,
                                             Timeout timeout) {
  std::array<char, 512> text;
  std::array<char, 32> id_text;
  const auto id_end = fmt::format_to_n(id_text.data(), id_text.size(), "sf-{}", next_id_++);
  const std::string_view id(id_text.data(), id_end.size);
  const auto written =
      fmt::format_to_n(text.data(), text.size(),
                       R"({{"execute":"{}"{}{},"id":"{}"}})"
                       "\n",
                       command, arguments.empty() ? "" : R"(,"arguments":)", arguments, id);
  if (written.size > text.size()) {
    return absl::InvalidArgumentError(fmt::format("QMP {}: the request is too long", command));
  }
  const auto deadline = Clock::now() + timeout;
  SF_RETURN_IF_ERROR(Send({text.data(), written.size}, -1, deadline));
  SF_ASSIGN_OR_RETURN(QmpFrame frame, AwaitReply(id, deadline, Growth::kForbidden));
  if (frame.kind == QmpFrameKind::kError) return ErrorOf(command, frame);
  return frame;
}

absl::Status QmpConnection::Drain() {
  for (;;) {
    const absl::Status read = AwaitLine(Timeout(0));
    if (absl::IsDeadlineExceeded(read)) return absl::OkStatus();
    SF_RETURN_IF_ERROR(read);
  }
}

absl::Status QmpConnection::AwaitLine(Timeout timeout) {
  // A quiet socket is the common case, and says so without building an error.
  pollfd readable{socket_.get(), POLLIN, 0};
  if (begin_ == end_ && poll(&readable, 1, static_cast<int>(timeout.count())) == 0) {
    return absl::Status(absl::StatusCode::kDeadlineExceeded, "");
  }
  return NextFrame(Clock::now() + timeout, Growth::kForbidden).status();
}

void QmpConnection::ReserveReply(std::size_t bytes) {
  if (bytes > buffer_.size()) buffer_.resize(std::min(bytes, kReplyBytesMax));
}

absl::StatusOr<QmpFrame> QmpConnection::AwaitReply(std::string_view id, Deadline deadline,
                                                   Growth growth) {
  for (;;) {
    SF_ASSIGN_OR_RETURN(QmpFrame frame, NextFrame(deadline, growth));
    if (frame.kind == QmpFrameKind::kMalformed) {
      return absl::ResourceExhaustedError(fmt::format(
          "QMP socket {}: a reply is malformed or longer than {} bytes", path_, buffer_.size()));
    }
    const bool reply = frame.kind == QmpFrameKind::kReturn || frame.kind == QmpFrameKind::kError;
    if (reply && frame.id == id) return frame;
  }
}

absl::StatusOr<QmpFrame> QmpConnection::NextFrame(Deadline deadline, Growth growth) {
  for (;;) {
    const void* newline =
        end_ == scanned_ ? nullptr : std::memchr(&buffer_[scanned_], '\n', end_ - scanned_);
    if (newline == nullptr) {
      scanned_ = end_;
      SF_RETURN_IF_ERROR(Fill(deadline, growth));
      continue;
    }
    const std::size_t line_end =
        static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data());
    const std::string_view line(&buffer_[begin_], line_end - begin_);
    begin_ = scanned_ = line_end + 1;
    if (std::exchange(skipping_, false)) return QmpFrame{};
    const QmpFrame frame = ScanQmpFrame(line);
    Note(frame);
    return frame;
  }
}

absl::Status QmpConnection::Fill(Deadline deadline, Growth growth) {
  if (begin_ == end_) {
    begin_ = scanned_ = end_ = 0;
  } else if (end_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), &buffer_[begin_], end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (growth == Growth::kAllowed && buffer_.size() < kReplyBytesMax) {
      buffer_.resize(std::min(buffer_.size() * 2, kReplyBytesMax));
    } else {
      skipping_ = true;
      begin_ = scanned_ = end_ = 0;
    }
  }
  for (;;) {
    const ssize_t got = recv(socket_.get(), &buffer_[end_], buffer_.size() - end_, MSG_DONTWAIT);
    if (got > 0) {
      end_ += static_cast<std::size_t>(got);
      return absl::OkStatus();
    }
    if (got == 0) return Gone("read from");
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Gone("read from");
    pollfd readable{socket_.get(), POLLIN, 0};
    if (poll(&readable, 1, PollBudget(deadline)) == 0 && Clock::now() >= deadline) {
      return absl::DeadlineExceededError(fmt::format("QMP socket {}: QEMU does not answer", path_));
    }
  }
}

absl::Status QmpConnection::Send(std::string_view bytes, int fd, Deadline deadline) {
  while (!bytes.empty()) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      fd = -1;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Gone("write to");
    pollfd writable{socket_.get(), POLLOUT, 0};
    if (poll(&writable, 1, PollBudget(deadline)) == 0 && Clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          fmt::format("QMP socket {}: QEMU does not take requests", path_));
    }
  }
  return absl::OkStatus();
}

absl::Status QmpConnection::Gone(std::string_view attempt) const {
  // QEMU closes its sockets a moment before it exits.
  pollfd exited{peer_.get(), POLLIN, 0};
  if (peer_.valid() && poll(&exited, 1, kExitGraceMs) == 1) {
    return absl::NotFoundError(
        fmt::format("{} QMP socket {}: QEMU (pid {}) has exited", attempt, path_, peer_pid_));
  }
  return absl::UnavailableError(
      fmt::format("{} QMP socket {}: QEMU (pid {}) closed the monitor", attempt, path_, peer_pid_));
}

void QmpConnection::Note(const QmpFrame& frame) {
  if (frame.kind != QmpFrameKind::kEvent) return;
  if (frame.event == "STOP") {
    ++events_.stops;
    events_.last_stop_us = frame.event_us;
  } else if (frame.event == "RESUME" || frame.event == "WAKEUP") {
    ++events_.resumes;
    events_.last_resume_us = frame.event_us;
  } else if (frame.event == "RESET") {
    ++events_.resets;
  } else if (frame.event == "DEVICE_DELETED") {
    ++events_.unplugs;
  } else if (frame.event == "MIGRATION") {
    const std::string_view status = Unquote(FindMember(frame.body, "status"));
    events_.migration = status == "completed" ? QmpEvents::Migration::kCompleted
                        : status == "failed" || status == "cancelled"
                            ? QmpEvents::Migration::kFailed
                            : QmpEvents::Migration::kUnderWay;
  }
}

}  // namespace stillframe
