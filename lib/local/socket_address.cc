#include "local/socket_address.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cstring>

namespace stillframe {

absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path ||
      path.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("socket path \"{}\": it needs 1 to {} bytes, it has {}", path,
                    sizeof address.sun_path - 1, path.size()));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace stillframe
