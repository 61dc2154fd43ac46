#include "local/listener.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/status.h"
#include "local/socket_address.h"

namespace stillframe {
namespace {

constexpr int kBacklog = 64;

const sockaddr* Generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

absl::Status RemoveDeadSocket(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoStatus(errno, fmt::format("look at {}", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(
        fmt::format("{} exists and is no socket; choose another socket_path", path));
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return ErrnoStatus(errno, "create a local socket");
  if (connect(probe.get(), Generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return absl::AlreadyExistsError(
        fmt::format("somebody listens at {} already; is another stillframed running?", path));
  }
  if (errno != ECONNREFUSED) return ErrnoStatus(errno, fmt::format("probe the socket {}", path));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, fmt::format("remove the dead socket {}", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<gid_t> FindGroup(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::array<char, 16384> buffer;
  const int error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return ErrnoStatus(error, fmt::format("look up group {}", name));
  if (found == nullptr) {
    return absl::NotFoundError(fmt::format("socket_group: there is no group {}", name));
  }
  return found->gr_gid;
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const std::string& path, std::uint32_t mode,
                                        const std::string& group) {
  SF_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  gid_t gid = static_cast<gid_t>(-1);
  if (!group.empty()) {
    SF_ASSIGN_OR_RETURN(gid, FindGroup(group));
  }
  SF_RETURN_IF_ERROR(RemoveDeadSocket(path, address));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "create a local socket");
  if (bind(socket.get(), Generic(address), sizeof address) != 0) {
    return ErrnoStatus(errno, fmt::format("bind {}", path));
  }
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) {
    return ErrnoStatus(errno, fmt::format("look at {}", path));
  }
  Listener listener(path, std::move(socket), file);
  // Until listen() every connect is refused, so the umask's mode is never in force for anyone.
  // A directory with the set-group-ID bit has given it to its own group already, which the
  // service's unit relies on: it may change no owner.
  if (!group.empty() && file.st_gid != gid &&
      chown(path.c_str(), static_cast<uid_t>(-1), gid) != 0) {
    return ErrnoStatus(errno, fmt::format("give {} to group {}", path, group));
  }
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
    return ErrnoStatus(errno, fmt::format("set mode {:04o} of {}", mode, path));
  }
  if (listen(listener.fd(), kBacklog) != 0) {
    return ErrnoStatus(errno, fmt::format("listen at {}", path));
  }
  return listener;
}

Listener::~Listener() {
  if (!socket_.valid()) return;
  struct stat info;
  if (lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

absl::StatusOr<UniqueFd> Listener::Accept() const {
  int fd = -1;
  do {
    fd = accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (fd < 0) return ErrnoStatus(errno, fmt::format("accept a connection at {}", path_));
  return UniqueFd(fd);
}

}  // namespace stillframe
