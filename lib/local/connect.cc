#include "local/connect.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <array>
#include <cerrno>

#include "base/reason.h"
#include "base/status.h"
#include "local/socket_address.h"

namespace stillframe {
namespace {

constexpr timeval kConnectTimeout{10, 0};

std::string UserName(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return fmt::format("{}", uid);
}

std::string GroupName(gid_t gid) {
  group entry{};
  group* found = nullptr;
  std::array<char, 4096> buffer;
  if (getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->gr_name;
  }
  return fmt::format("{}", gid);
}

std::string WhoMayConnect(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return "its directory cannot be searched by this user; run as a user who may, or as root";
  }
  return fmt::format(
      "user {} and group {} may connect (mode {:04o}); join the group, or run as root",
      UserName(info.st_uid), GroupName(info.st_gid), info.st_mode & 07777);
}

absl::Status Refused(int errno_value, const std::string& path) {
  const std::string attempt = fmt::format("connect to stillframed at {}", path);
  absl::Status status;
  switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
      status = absl::NotFoundError(fmt::format(
          "{}: there is no such socket; is stillframed running, with that socket_path?", attempt));
      break;
    case EACCES:
    case EPERM:
      status = absl::PermissionDeniedError(
          fmt::format("{}: permission denied: {}", attempt, WhoMayConnect(path)));
      break;
    case ECONNREFUSED:
      status = absl::UnavailableError(
          fmt::format("{}: nobody listens there; start stillframed", attempt));
      break;
    case EAGAIN:
      status = absl::UnavailableError(
          fmt::format("{}: it does not accept connections; is it stuck?", attempt));
      break;
    default:
      status = ErrnoStatus(errno_value, attempt);
  }
  return WithReason(status, "DAEMON_UNAVAILABLE");
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectUnixSocket(const std::string& path) {
  SF_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return ErrnoStatus(errno, "create a local socket");
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kConnectTimeout, sizeof kConnectTimeout);
  int outcome = 0;
  do {
    outcome = connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (outcome != 0 && errno == EINTR);
  if (outcome != 0) return Refused(errno, path);
  return socket;
}

}  // namespace stillframe
