#include "target.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/reason.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace stillframe {
namespace {

constexpr char kUnixPrefix[] = "unix:";
constexpr char kLocalPrefix[] = "local:";

std::string UserName(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_name : std::to_string(uid);
}

std::string GroupName(gid_t gid) {
  std::array<char, 4096> buffer;
  group entry{};
  group* found = nullptr;
  getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->gr_name : std::to_string(gid);
}

std::string WhoMayConnect(const std::string& path) {
  struct stat about {};
  if (stat(path.c_str(), &about) != 0) {
    return "you may not look into the socket's directory: run as root or as a member of its group";
  }
  return fmt::format("the socket belongs to {}:{}, mode {:04o}: run as a member of group {}",
                     UserName(about.st_uid), GroupName(about.st_gid), about.st_mode & 07777,
                     GroupName(about.st_gid));
}

const char* ServiceOf(const Target& target) {
  return target.kind == Target::Kind::kLocal ? "stillframed" : "stillframe-gateway";
}

bool LooksLikeHostPort(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
  if (text.size() - colon > 6) return false;
  return text.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
         text.find('/') == std::string::npos;
}

}  // namespace

absl::StatusOr<Target> Target::Parse(const std::string& text) {
  const auto with_prefix = [&text](const std::string& prefix) {
    return text.starts_with(prefix) && text.size() > prefix.size();
  };
  Target target;
  target.text = text;
  if (with_prefix(kUnixPrefix)) {
    target.kind = Kind::kGrpcUnix;
    target.address = text.substr(std::strlen(kUnixPrefix));
  } else if (with_prefix(kLocalPrefix)) {
    target.kind = Kind::kLocal;
    target.address = text.substr(std::strlen(kLocalPrefix));
  } else if (LooksLikeHostPort(text)) {
    target.kind = Kind::kGrpcTcp;
    target.address = text;
    return target;
  } else {
    return absl::InvalidArgumentError(
        fmt::format("target \"{}\": expected unix:/PATH, HOST:PORT or local:/PATH", text));
  }
  if (target.address.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("target \"{}\": a socket's path has at most {} bytes", text,
                    sizeof(sockaddr_un::sun_path) - 1));
  }
  return target;
}

absl::Status TrySocket(const Target& target) {
  UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return ErrnoStatus(errno, "create a socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, target.address.c_str(), target.address.size() + 1);
  if (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return absl::OkStatus();
  }
  const int error = errno;
  const std::string attempt =
      error == EACCES || error == EPERM
          ? fmt::format("permission denied ({})", WhoMayConnect(target.address))
          : fmt::format("{} (is {} running? another one: --target or STILLFRAME_TARGET)",
                        std::strerror(error), ServiceOf(target));
  const auto code = error == EACCES || error == EPERM ? absl::StatusCode::kPermissionDenied
                                                      : absl::StatusCode::kUnavailable;
  return Unreachable(absl::Status(code, attempt), target);
}

absl::Status Unreachable(const absl::Status& status, const Target& target) {
  return WithReason(Annotate(status, fmt::format("connect to {}", target.text)),
                    "TARGET_UNREACHABLE", {{"target", target.text}});
}

}  // namespace stillframe
