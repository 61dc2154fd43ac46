#include "config/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"
#include "base/unique_fd.h"
#include "config/toml_reader.h"

namespace stillframe {

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const std::string attempt = fmt::format("read configuration {}", path);
  // Non-blocking: opening a FIFO must not hang the start.
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return ErrnoStatus(errno, attempt);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return ErrnoStatus(errno, attempt);
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{}: not a regular file", attempt));
  }

  std::string text(kConfigBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, attempt);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kConfigBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}: more than {} bytes", attempt, kConfigBytesMax));
  }
  text.resize(size);
  return text;
}

}  // namespace stillframe
