#include "guest/qemu/write_protection.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr int kSwappedMax = 64;

// The other process cannot map memory meanwhile. A multiple of every size of page.
constexpr std::uint64_t kProtectBytesMax = std::uint64_t{1} << 30;
constexpr char kLinkOfUserfault[] = "anon_inode:[userfaultfd]";
constexpr std::uint64_t kInitialized = std::uint64_t{1} << 31;  // the kernel's own flag

// Names of files begin with a slash, so only the kernel makes such a link.
bool IsUserfault(const std::string& link_path) {
  std::array<char, sizeof kLinkOfUserfault> link{};
  const ssize_t length = readlink(link_path.c_str(), link.data(), link.size());
  return length > 0 &&
         std::string_view(link.data(), static_cast<std::size_t>(length)) == kLinkOfUserfault;
}

std::string ReadSmallFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

// "API:\taa:8000b000:80000000000001ff": version, features, calls (fs/userfaultfd.c).
bool IsShimsUserfault(std::string_view fdinfo) {
  constexpr std::string_view kBefore = "\nAPI:\taa:";
  const std::size_t at = fdinfo.find(kBefore);
  if (at == std::string_view::npos) return false;
  fdinfo.remove_prefix(at + kBefore.size());
  std::uint64_t features = 0;
  const auto read = std::from_chars(fdinfo.data(), fdinfo.data() + fdinfo.size(), features, 16);
  return read.ec == std::errc() && read.ptr != fdinfo.data() + fdinfo.size() && *read.ptr == ':' &&
         (features & ~kInitialized) == STILLFRAME_UFFD_FEATURES;
}

absl::StatusOr<WriteProtection> WriteProtection::TakeFrom(pid_t pid, int pidfd) {
  static std::atomic<int> swapped{0};
  if (swapped >= kSwappedMax) {
    return absl::ResourceExhaustedError("descriptors were swapped too often: restart stillframed");
  }
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), &closedir);
  if (entries == nullptr) return ErrnoStatus(errno, fmt::format("list {}", directory));
  while (const dirent* entry = readdir(entries.get())) {
    int number = -1;
    const std::string_view name = entry->d_name;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec != std::errc() ||
        !IsUserfault(fmt::format("{}/{}", directory, number)) ||
        !IsShimsUserfault(ReadSmallFile(fmt::format("/proc/{}/fdinfo/{}", pid, number)))) {
      continue;
    }
    UniqueFd taken(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, number, 0)));
    if (!taken.valid()) {
      const int error = errno;
      if (error == EBADF || error == ESRCH) continue;  // closed since, or the process ended
      return Annotate(
          ErrnoStatus(error, fmt::format("duplicate descriptor {} of process {}", number, pid)),
          "run stillframed as root or with CAP_SYS_PTRACE, and with kernel.yama.ptrace_scope below "
          "3");
    }
    if (!IsUserfault(fmt::format("/proc/self/fd/{}", taken.get())) ||
        !IsShimsUserfault(ReadSmallFile(fmt::format("/proc/self/fdinfo/{}", taken.get())))) {
      // Replaced between the looks, which nothing but malice does. Kept open: closing a file of
      // somebody's choice can block for as long as he likes (FUSE).
      static_cast<void>(taken.release());
      ++swapped;
      return absl::FailedPreconditionError(
          fmt::format("process {} swapped its userfaultfd for something else", pid));
    }
    return WriteProtection(std::move(taken));
  }
  return absl::NotFoundError(
      "QEMU runs without libstillframe-qemu.so, or the kernel is older than 6.7");
}

absl::StatusOr<WriteProtection> WriteProtection::OfThisProcess() {
  UniqueFd userfault(static_cast<int>(
      syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | STILLFRAME_UFFD_USER_MODE_ONLY)));
  stillframe_uffdio_api api{STILLFRAME_UFFD_API, STILLFRAME_UFFD_FEATURES, 0};
  if (!userfault.valid() || ioctl(userfault.get(), STILLFRAME_UFFDIO_API, &api) != 0) {
    return ErrnoStatus(errno, "open a userfaultfd");
  }
  return WriteProtection(std::move(userfault));
}

absl::Status WriteProtection::Protect(HostRange range) {
  SF_RETURN_IF_ERROR(Register(range));
  for (std::uint64_t at = range.first; at < range.end;) {
    const std::uint64_t bytes = std::min(range.end - at, kProtectBytesMax);
    stillframe_uffdio_writeprotect argument{{at, bytes}, STILLFRAME_UFFD_WRITEPROTECT_MODE_WP};
    if (ioctl(userfault_.get(), STILLFRAME_UFFDIO_WRITEPROTECT, &argument) != 0) {
      return ErrnoStatus(errno, fmt::format("write-protect {} bytes at {:#x}", bytes, at));
    }
    at += bytes;
  }
  return absl::OkStatus();
}

// The kernel maps neighbours of a page that is read (fault-around), but not in memory that a
// userfaultfd can protect (uffd_disable_fault_around, include/linux/userfaultfd_k.h).
absl::Status WriteProtection::MapSingly(HostRange range) { return Register(range); }

absl::Status WriteProtection::Register(HostRange range) {
  stillframe_uffdio_register argument{};
  argument.range = {range.first, range.end - range.first};
  argument.mode = STILLFRAME_UFFD_MODE_WP;
  if (ioctl(userfault_.get(), STILLFRAME_UFFDIO_REGISTER, &argument) == 0) return absl::OkStatus();
  const int error = errno;
  if (error == EBUSY) {
    return absl::FailedPreconditionError(
        "QEMU itself uses userfaultfd on the guest's memory (a background snapshot or postcopy)");
  }
  return ErrnoStatus(error,
                     fmt::format("register memory at {:#x} to {:#x}", range.first, range.end));
}

void WriteProtection::Release(HostRange range) {
  stillframe_uffdio_range argument{range.first, range.end - range.first};
  static_cast<void>(ioctl(userfault_.get(), STILLFRAME_UFFDIO_UNREGISTER, &argument));
}

}  // namespace stillframe
