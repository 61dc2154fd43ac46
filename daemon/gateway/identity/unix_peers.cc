#include "gateway/identity/unix_peers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "gateway/identity/unix_socket.h"
#include "gateway/identity/unix_user.h"
#include "local/socket_address.h"

namespace stillframe {
namespace {

constexpr int kBacklog = 128;
constexpr rlim_t kDescriptorsWanted = 65536;

// Connections get numbers from the upper half of what the process may have, one after the other:
// a number that was just closed, and that an ending call may still ask for, is not given to the
// next connection.
struct DescriptorRange {
  int first = 0;
  int end = 0;
};

DescriptorRange RaisedRange() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = std::min(std::max(limit.rlim_cur, kDescriptorsWanted), limit.rlim_max);
  if (wanted > limit.rlim_cur) {
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kDescriptorsWanted));
  return {end / 2, end};
}

}  // namespace

absl::Status UnixPeers::Listen(const std::string& path, const std::string& group,
                               std::uint32_t mode) {
  const std::string attempt = fmt::format("listen on unix:{}", path);
  SF_RETURN_IF_ERROR(ClearStaleSocket(path));
  Socket made{path, UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))};
  if (!made.fd.valid()) return ErrnoStatus(errno, attempt);
  SF_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  {
    const PrivateSockets until_opened;
    if (bind(made.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return ErrnoStatus(errno, attempt);
    }
  }
  if (listen(made.fd.get(), kBacklog) != 0) return ErrnoStatus(errno, attempt);
  SF_RETURN_IF_ERROR(OpenSocketTo(path, group, mode));
  sockets_.push_back(std::move(made));
  return absl::OkStatus();
}

absl::Status UnixPeers::Serve(std::function<void(int fd)> take) {
  if (sockets_.empty()) return absl::OkStatus();
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  if (!stop_.valid()) return ErrnoStatus(errno, "make an eventfd");
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void UnixPeers::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  for (const Socket& socket : sockets_) unlink(socket.path.c_str());
  sockets_.clear();
}

void UnixPeers::Run() {
  std::vector<pollfd> waits = {{stop_.get(), POLLIN, 0}};
  for (const Socket& socket : sockets_) waits.push_back({socket.fd.get(), POLLIN, 0});
  while (true) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (waits[i + 1].revents != 0) Accept(sockets_[i]);
    }
  }
}

absl::StatusOr<UniqueFd> UnixPeers::MoveAway(UniqueFd fd) {
  const DescriptorRange range = RaisedRange();
  MutexLock lock(mu_);
  next_fd_ = std::clamp(next_fd_, range.first, range.end - 1);
  for (const int from : {next_fd_, range.first}) {
    UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, from));
    if (!moved.valid()) continue;
    next_fd_ = moved.get() + 1;
    return moved;
  }
  return ErrnoStatus(errno, "keep a connection");
}

void UnixPeers::Accept(const Socket& socket) {
  UniqueFd accepted(accept4(socket.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!accepted.valid()) {
    const int error = errno;
    if (error == EAGAIN || error == EINTR || error == ECONNABORTED) return;
    spdlog::error("accept a connection on {}: {}", socket.path, std::strerror(error));
    // Out of descriptors or memory: the connection stays in the backlog and poll returns at once.
    pollfd stop{stop_.get(), POLLIN, 0};
    poll(&stop, 1, 100);
    return;
  }
  absl::StatusOr<Caller> caller = CallerBehind(accepted.get());
  absl::StatusOr<UniqueFd> moved =
      caller.ok() ? MoveAway(std::move(accepted)) : absl::StatusOr<UniqueFd>(caller.status());
  if (!moved.ok()) {
    spdlog::error("a connection on {} is refused: {}", socket.path, MessageOf(moved.status()));
    return;
  }
  const int fd = moved->release();
  {
    MutexLock lock(mu_);
    callers_[fd] = *std::move(caller);
  }
  take_(fd);
}

absl::StatusOr<Caller> UnixPeers::Find(std::string_view peer) const {
  constexpr std::string_view kPrefix = "fd:";
  int fd = -1;
  if (peer.starts_with(kPrefix)) {
    std::from_chars(peer.data() + kPrefix.size(), peer.data() + peer.size(), fd);
  }
  MutexLock lock(mu_);
  const auto found = callers_.find(fd);
  if (found == callers_.end()) return absl::NotFoundError("no connection of a unix socket");
  return found->second;
}

}  // namespace stillframe
