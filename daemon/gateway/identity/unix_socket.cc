#include "gateway/identity/unix_socket.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "local/socket_address.h"

namespace stillframe {
namespace {

constexpr std::size_t kGroupBytesMax = std::size_t{1} << 20;

absl::StatusOr<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(4096);
  while (true) {
    group entry{};
    group* found = nullptr;
    const int error = getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return entry.gr_gid;
    if (error != ERANGE || buffer.size() >= kGroupBytesMax) {
      return absl::NotFoundError(fmt::format("there is no group \"{}\"", name));
    }
    buffer.resize(buffer.size() * 2);
  }
}

absl::StatusOr<bool> SomebodyListens(const std::string& path) {
  SF_ASSIGN_OR_RETURN(const sockaddr_un address, UnixAddress(path));
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return ErrnoStatus(errno, "make a unix socket");
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return true;
  }
  return errno != ECONNREFUSED;  // when in doubt, it is alive
}

}  // namespace

absl::Status ClearStaleSocket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return ErrnoStatus(errno, fmt::format("listen on unix:{}", path));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::AlreadyExistsError(
        fmt::format("listen on unix:{}: there is a file that is not a socket; remove it", path));
  }
  SF_ASSIGN_OR_RETURN(const bool alive, SomebodyListens(path));
  if (alive) {
    return absl::AlreadyExistsError(
        fmt::format("listen on unix:{}: another process listens there already", path));
  }
  if (unlink(path.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("remove the dead socket {}", path));
  }
  return absl::OkStatus();
}

absl::Status OpenSocketTo(const std::string& path, const std::string& group, std::uint32_t mode) {
  if (!group.empty()) {
    absl::StatusOr<gid_t> gid = FindGroup(group);
    if (!gid.ok()) return Annotate(gid.status(), fmt::format("open {} to a group", path));
    if (chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
      return ErrnoStatus(errno, fmt::format("give {} to the group {}", path, group));
    }
  }
  if (chmod(path.c_str(), mode) != 0) {
    return ErrnoStatus(errno, fmt::format("set the mode of {} to {:04o}", path, mode));
  }
  return absl::OkStatus();
}

PrivateSockets::PrivateSockets() : umask_before_(umask(0177)) {}

PrivateSockets::~PrivateSockets() { umask(umask_before_); }

}  // namespace stillframe
