#include "simguest/control_server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/status.h"
#include "guest/sim/sim_connection.h"

namespace stillframe::sim {
namespace {

constexpr std::size_t kConnectionsMax = 64;
constexpr std::size_t kFdsMax = 4;

// False when the peer does not take the reply at once: it has not read the ones before.
bool SendReply(int fd, const Request& request, const absl::Status& status,
               std::span<const std::byte> body, std::span<const int> fds) {
  ReplyHeader header;
  header.command = request.command;
  header.serial = request.serial;
  header.code = static_cast<std::int32_t>(status.code());
  const std::string message = MessageOf(status);
  std::memcpy(header.message.data(), message.data(),
              std::min(message.size(), header.message.size()));
  if (!status.ok()) {
    body = {};
    fds = {};
  }
  header.body_bytes = static_cast<std::uint32_t>(body.size());

  iovec parts[] = {{&header, sizeof header}, {const_cast<std::byte*>(body.data()), body.size()}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsMax)> control{};
  msghdr out{};
  out.msg_iov = parts;
  out.msg_iovlen = 2;
  if (!fds.empty()) {
    out.msg_control = control.data();
    out.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&out);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  return sendmsg(fd, &out, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

template <typename Body>
std::span<const std::byte> BytesOf(const Body& body) {
  return std::as_bytes(std::span(&body, 1));
}

}  // namespace

absl::StatusOr<ControlServer> ControlServer::Listen(const std::string& path, GuestIdentity identity,
                                                    Machine& machine) {
  const absl::StatusOr<SimConnection> other = SimConnection::Connect(path);
  if (other.ok()) {
    return absl::AlreadyExistsError(fmt::format(
        "listen on {}: another simulated guest lives there; choose another --name", path));
  }
  if (absl::IsInvalidArgument(other.status())) return other.status();
  unlink(path.c_str());

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid() ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener.get(), 64) != 0) {
    return ErrnoStatus(errno, fmt::format("listen on {} (does its directory exist?)", path));
  }
  return ControlServer(path, std::move(identity), machine, std::move(listener));
}

absl::Status ControlServer::Serve(int stop_fd) {
  for (;;) {
    std::vector<pollfd> waiting = {{stop_fd, POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const UniqueFd& connection : connections_) {
      waiting.push_back({connection.get(), POLLIN, 0});
    }
    if (poll(waiting.data(), waiting.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "wait for requests");
    }
    if (waiting[0].revents != 0) break;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (waiting[i + 2].revents != 0 && !ServeOne(connections_[i].get())) connections_[i].reset();
    }
    std::erase_if(connections_, [](const UniqueFd& connection) { return !connection.valid(); });
    if (waiting[1].revents != 0) Accept();
  }
  unlink(path_.c_str());
  return absl::OkStatus();
}

void ControlServer::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.valid() && connections_.size() < kConnectionsMax) connections_.push_back(std::move(fd));
}

bool ControlServer::ServeOne(int fd) {
  Request request;
  const ssize_t bytes = recv(fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
  if (bytes < 0) return errno == EAGAIN || errno == EINTR;
  if (bytes != static_cast<ssize_t>(sizeof request) || request.protocol != kProtocol) return false;
  if (!request.guest.is_nil() && request.guest != identity_.id) {
    return SendReply(fd, request, absl::NotFoundError("another guest lives here"), {}, {});
  }
  return Execute(fd, request);
}

bool ControlServer::Execute(int fd, const Request& request) {
  const GfnRange range{Gfn{request.first}, request.pages};
  const auto answer = [&](const absl::Status& status) {
    return SendReply(fd, request, status, {}, {});
  };
  switch (request.command) {
    case Command::kIdentify: {
      IdentifyReply reply;
      reply.id = identity_.id;
      std::memcpy(reply.name.data(), identity_.name.data(),
                  std::min(identity_.name.size(), reply.name.size()));
      reply.operator_paused = machine_.operator_paused() ? 1 : 0;
      return SendReply(fd, request, {}, BytesOf(reply), {});
    }
    case Command::kAttach: {
      AttachReply reply;
      reply.ram_bytes = machine_.ram().pages() * kPageBytes;
      reply.guest_pages = machine_.ram().guest_pages();
      reply.has_machine_frames = machine_.ram().machine_frames_fd() >= 0 ? 1 : 0;
      const int fds[] = {machine_.ram().ram_fd_read_only(), machine_.ram().log_fd(),
                         machine_.status_fd()};
      return SendReply(fd, request, {}, BytesOf(reply), fds);
    }
    case Command::kStartLog: {
      const StartLogReply reply{machine_.StartLog()};
      return SendReply(fd, request, {}, BytesOf(reply), {});
    }
    case Command::kDescribe: {
      const auto reply = std::make_unique<DescribeReply>();
      machine_.Describe(*reply);
      return SendReply(fd, request, {}, BytesOf(*reply), {});
    }
    case Command::kPause: {
      machine_.Pause(PauseOwner::kDaemon);
      const PauseReply reply{machine_.stand()};
      return SendReply(fd, request, {}, BytesOf(reply), {});
    }
    case Command::kResume: {
      const ResumeReply reply{machine_.stand()};
      machine_.Resume(PauseOwner::kDaemon);
      return SendReply(fd, request, {}, BytesOf(reply), {});
    }
    case Command::kVcpus: {
      const auto reply = std::make_unique<VcpusReply>();
      const absl::Status status = machine_.ReadVcpus(*reply);
      return SendReply(fd, request, status, BytesOf(*reply), {});
    }
    case Command::kMachineFrames: {
      const int frames = machine_.ram().machine_frames_fd();
      if (frames < 0) return answer(absl::FailedPreconditionError("there are no machine frames"));
      return SendReply(fd, request, {}, {}, {&frames, 1});
    }
    case Command::kOperatorPause:
      machine_.Pause(PauseOwner::kOperator);
      return answer({});
    case Command::kOperatorResume:
      machine_.Resume(PauseOwner::kOperator);
      return answer({});
    case Command::kBalloonOut:
      return answer(machine_.BalloonOut(range));
    case Command::kBalloonIn:
      return answer(machine_.BalloonIn(range));
    case Command::kReboot:
      return answer(machine_.Reboot());
    case Command::kDie:
      raise(SIGKILL);
      return false;
  }
  return answer(absl::UnimplementedError("unknown command"));
}

}  // namespace stillframe::sim
