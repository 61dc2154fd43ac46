#include "gateway/identity/unix_user.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::size_t kGroupsMax = 65536;  // NGROUPS_MAX

std::string UserName(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::string() : found->pw_name;
}

std::string GroupName(gid_t gid) {
  std::vector<char> buffer(std::size_t{1} << 16);
  group entry{};
  group* found = nullptr;
  getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::string() : found->gr_name;
}

absl::StatusOr<std::vector<gid_t>> GroupsBehind(int socket_fd) {
  std::vector<gid_t> groups(64);
  while (true) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || groups.size() >= kGroupsMax) {
      return ErrnoStatus(errno, "ask for the groups of a peer");
    }
    groups.resize(kGroupsMax);
  }
}

}  // namespace

absl::StatusOr<Caller> CallerBehind(int socket_fd) {
  ucred credentials{};
  socklen_t bytes = sizeof(credentials);
  if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return ErrnoStatus(errno, "ask for the user of a peer");
  }
  SF_ASSIGN_OR_RETURN(std::vector<gid_t> groups, GroupsBehind(socket_fd));
  groups.push_back(credentials.gid);

  Caller caller;
  caller.peer = fmt::format("unix:pid={},uid={}", credentials.pid, credentials.uid);
  const std::string by_number = fmt::format("user:{}", credentials.uid);
  const std::string name = UserName(credentials.uid);
  caller.principal.name = name.empty() ? by_number : fmt::format("user:{}", name);
  if (!name.empty()) caller.principal.aliases.push_back(by_number);
  for (const gid_t gid : groups) {
    caller.principal.aliases.push_back(fmt::format("group:{}", gid));
    const std::string group_name = GroupName(gid);
    if (!group_name.empty()) caller.principal.aliases.push_back("group:" + group_name);
  }
  return caller;
}

}  // namespace stillframe
