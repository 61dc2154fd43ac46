#include "base/memfd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace stillframe {
namespace {

absl::Status CheckSeals(int memfd, int wanted, std::size_t bytes_min) {
  const int seals = fcntl(memfd, F_GET_SEALS);
  if (seals < 0) return ErrnoStatus(errno, "read seals of a shared memory file");
  if ((seals & wanted) != wanted) {
    return absl::FailedPreconditionError((seals & F_SEAL_SHRINK) == 0
                                             ? "shared memory file is not sealed against shrinking"
                                             : "shared memory file is not sealed against writing");
  }
  struct stat info;
  if (fstat(memfd, &info) != 0) return ErrnoStatus(errno, "stat a shared memory file");
  if (static_cast<std::size_t>(info.st_size) < bytes_min) {
    return absl::FailedPreconditionError(fmt::format(
        "shared memory file has {} bytes, at least {} were announced", info.st_size, bytes_min));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> CreateMemfd(const std::string& name, std::size_t bytes) {
  UniqueFd fd(memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return ErrnoStatus(errno, fmt::format("create memfd {}", name));
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return ErrnoStatus(errno, fmt::format("size memfd {} to {} bytes", name, bytes));
  }
  return fd;
}

absl::Status SealAgainstNewWriters(int memfd) {
  constexpr int kSeals = F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(memfd, F_ADD_SEALS, kSeals) != 0) {
    return ErrnoStatus(errno, "seal memfd against new writers");
  }
  return absl::OkStatus();
}

absl::Status SealForever(int memfd) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(memfd, F_ADD_SEALS, kSeals) != 0) {
    if (errno == EBUSY) {
      return absl::FailedPreconditionError("seal memfd: it is still mapped writable");
    }
    return ErrnoStatus(errno, "seal memfd");
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> SealedCopy(const std::string& name, std::span<const std::byte> bytes) {
  SF_ASSIGN_OR_RETURN(const UniqueFd fd, CreateMemfd(name, bytes.size()));
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = pwrite(fd.get(), bytes.data() + written, bytes.size() - written,
                             static_cast<off_t>(written));
    if (n < 0) return ErrnoStatus(errno, fmt::format("write memfd {}", name));
    written += static_cast<std::size_t>(n);
  }
  SF_RETURN_IF_ERROR(SealForever(fd.get()));
  return ReopenReadOnly(fd.get());
}

absl::Status CheckSealed(int memfd, std::size_t bytes_min) {
  return CheckSeals(memfd, F_SEAL_SHRINK, bytes_min);
}

absl::Status CheckSealedForever(int memfd, std::size_t bytes_min) {
  return CheckSeals(memfd, F_SEAL_SHRINK | F_SEAL_WRITE, bytes_min);
}

absl::StatusOr<UniqueFd> ReopenReadOnly(int fd) {
  UniqueFd reopened(open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_CLOEXEC));
  if (!reopened.valid()) return ErrnoStatus(errno, "reopen shared memory read-only");
  return reopened;
}

}  // namespace stillframe
