#include "guardian/pause_ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kMagic = 0x72'67'64'65'6c'66'73'01;  // "\1sfledgr"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kSlotsOffset = 4096;

struct Header {
  std::atomic<std::uint64_t> magic;  // written last at creation: zero means unfinished, so empty
  std::uint32_t version;
  std::uint32_t slots;
  std::uint64_t owner_pid;
  std::atomic<std::uint64_t> guardian_resumes;
  RobustLock life;
};
static_assert(sizeof(Header) <= kSlotsOffset);

Header& HeaderOf(const Mapping& mapping) { return *reinterpret_cast<Header*>(mapping.data()); }

constexpr char kRemedy[] = "resume guests that stand still by hand, then remove the file";

absl::StatusOr<Mapping> MapChecked(int fd, const std::string& attempt) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, attempt);
  if (static_cast<std::uint64_t>(info.st_size) != PauseLedger::kBytes) {
    return absl::DataLossError(fmt::format("{}: it has {} bytes instead of {}; {}", attempt,
                                           info.st_size, PauseLedger::kBytes, kRemedy));
  }
  SF_ASSIGN_OR_RETURN(Mapping mapping,
                      Mapping::Shared(fd, 0, PauseLedger::kBytes, Access::kReadWrite));
  // Also finds out here, not by SIGBUS, when the file system has no room for a hole in the file.
  SF_RETURN_IF_ERROR(Annotate(mapping.Populate(Access::kReadWrite), attempt));
  return mapping;
}

absl::Status CheckHeader(const Header& header, const std::string& attempt) {
  if (header.magic.load(std::memory_order_acquire) != kMagic) {
    return absl::DataLossError(fmt::format("{}: it is no pause ledger; {}", attempt, kRemedy));
  }
  if (header.version != kVersion) {
    return absl::FailedPreconditionError(
        fmt::format("{}: it has version {}, this program writes version {}; {}", attempt,
                    header.version, kVersion, kRemedy));
  }
  if (header.slots != PauseLedger::kSlots) {
    return absl::DataLossError(fmt::format("{}: it announces {} slots instead of {}; {}", attempt,
                                           header.slots, PauseLedger::kSlots, kRemedy));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, const std::string& attempt) {
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, attempt);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, attempt);
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(fmt::format("{}: not a regular file", attempt));
  }
  if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("{}: it must belong to uid {} and be writable by nobody else, but has uid {} "
                    "and mode {:04o}",
                    attempt, geteuid(), info.st_uid, info.st_mode & 07777));
  }
  return fd;
}

std::uint64_t ReadOwnerPid(int fd) {
  std::uint64_t pid = 0;
  return pread(fd, &pid, sizeof pid, offsetof(Header, owner_pid)) == sizeof pid ? pid : 0;
}

// False also for a process that is on its way out or a zombie: its guardian may have the lock.
bool Lives(std::uint64_t pid) {
  const UniqueFd stat(open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  char text[512] = {};
  if (!stat.valid() || read(stat.get(), text, sizeof text - 1) <= 0) return false;
  const char* name_end = std::strrchr(text, ')');
  char state = 'X';
  unsigned flags = 0;
  // proc(5), fields 3 and 9; the name before them may contain anything.
  if (name_end == nullptr ||
      std::sscanf(name_end + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2) {
    return false;
  }
  constexpr unsigned kExiting = 0x4;  // PF_EXITING, linux/sched.h
  return state != 'Z' && state != 'X' && (flags & kExiting) == 0;
}

// Locks the file, or says who has it.
absl::Status TakeOwnership(int fd, const std::string& attempt, std::chrono::milliseconds patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, fmt::format("{}: lock it", attempt));
    const std::uint64_t owner = ReadOwnerPid(fd);
    if (Lives(owner)) {
      return absl::AlreadyExistsError(
          fmt::format("{}: the daemon with pid {} uses it; stop that one first", attempt, owner));
    }
    if (std::chrono::steady_clock::now() >= give_up) {
      return absl::AlreadyExistsError(fmt::format(
          "{}: the guardian of the dead daemon with pid {} is still resuming its guests; try "
          "again in a few seconds",
          attempt, owner));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PauseLedger> PauseLedger::Open(const std::string& path,
                                              std::chrono::milliseconds patience) {
  const std::string attempt = fmt::format("open pause ledger {}", path);
  SF_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, attempt));
  SF_RETURN_IF_ERROR(TakeOwnership(fd.get(), attempt, patience));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, attempt);
  if (info.st_nlink == 0) {
    return absl::UnavailableError(fmt::format("{}: it was removed meanwhile; retry", attempt));
  }
  if (info.st_size == 0) {
    if (const int error = posix_fallocate(fd.get(), 0, kBytes); error != 0) {
      return ErrnoStatus(error, fmt::format("{}: reserve {} bytes", attempt, kBytes));
    }
  }
  SF_ASSIGN_OR_RETURN(Mapping mapping, MapChecked(fd.get(), attempt));
  Header& header = HeaderOf(mapping);
  if (header.magic.load(std::memory_order_acquire) == 0) {
    header.version = kVersion;
    header.slots = kSlots;
    header.magic.store(kMagic, std::memory_order_release);
  }
  SF_RETURN_IF_ERROR(CheckHeader(header, attempt));
  header.owner_pid = static_cast<std::uint64_t>(getpid());
  header.life.Reset();
  PauseLedger ledger(std::move(fd), std::move(mapping));
  for (std::size_t i = 0; i < kSlots; ++i) ledger.slot(i).ResetLock();
  return ledger;
}

absl::StatusOr<PauseLedger> PauseLedger::Attach(UniqueFd fd) {
  const std::string attempt = "attach to the daemon's pause ledger";
  SF_ASSIGN_OR_RETURN(Mapping mapping, MapChecked(fd.get(), attempt));
  SF_RETURN_IF_ERROR(CheckHeader(HeaderOf(mapping), attempt));
  return PauseLedger(std::move(fd), std::move(mapping));
}

PauseSlot& PauseLedger::slot(std::size_t index) {
  return reinterpret_cast<PauseSlot*>(mapping_.data() + kSlotsOffset)[index];
}

RobustLock& PauseLedger::life() { return HeaderOf(mapping_).life; }

std::atomic<std::uint64_t>& PauseLedger::guardian_resumes() {
  return HeaderOf(mapping_).guardian_resumes;
}

}  // namespace stillframe
