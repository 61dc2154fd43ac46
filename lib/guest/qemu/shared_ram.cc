#include "guest/qemu/shared_ram.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "base/core_dump.h"
#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::string_view kHowToShare =
    "start QEMU with -object memory-backend-memfd,id=ram,size=SIZE,share=on "
    "-machine memory-backend=ram (libvirt: <memoryBacking><source type='memfd'/>"
    "<access mode='shared'/></memoryBacking>)";

template <typename T>
bool TakeNumber(std::string_view& text, T& value, int base, char after) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const auto used = static_cast<std::size_t>(read.ptr - text.data());
  if (read.ec != std::errc() || used >= text.size() || text[used] != after) return false;
  text.remove_prefix(used + 1);
  return true;
}

// "7fe0f3fff000-7fe103fff000 rw-s 00000000 00:01 1027    /memfd:ram (deleted)"
std::optional<HostMapping> ParseMapping(std::string_view line) {
  HostMapping mapping;
  if (!TakeNumber(line, mapping.first, 16, '-') || !TakeNumber(line, mapping.end, 16, ' ') ||
      line.size() < 5) {
    return std::nullopt;
  }
  mapping.shared = line[3] == 's';
  line.remove_prefix(5);
  unsigned major_number = 0;
  unsigned minor_number = 0;
  if (!TakeNumber(line, mapping.file_offset, 16, ' ') || !TakeNumber(line, major_number, 16, ':') ||
      !TakeNumber(line, minor_number, 16, ' ')) {
    return std::nullopt;
  }
  mapping.device = makedev(major_number, minor_number);
  const std::size_t inode_end = std::min(line.find(' '), line.size());
  std::from_chars(line.data(), line.data() + inode_end, mapping.inode);
  const std::size_t path = line.find_first_not_of(' ', inode_end);
  if (path != std::string_view::npos) mapping.path = std::string(line.substr(path));
  return mapping;
}

bool IsFileOf(const HostMapping& mapping, const struct stat& file) {
  return S_ISREG(file.st_mode) && file.st_ino == mapping.inode && file.st_dev == mapping.device;
}

// The file behind `mapping`: QEMU keeps the descriptor of every memory backend open. The path is
// the second way, as it may name another file by now.
absl::StatusOr<UniqueFd> OpenFile(pid_t pid, const HostMapping& mapping) {
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), &closedir);
  if (entries == nullptr) return ErrnoStatus(errno, fmt::format("list {}", directory));
  while (const dirent* entry = readdir(entries.get())) {
    const std::string path = fmt::format("{}/{}", directory, entry->d_name);
    struct stat file {};
    if (stat(path.c_str(), &file) != 0 || !IsFileOf(mapping, file)) continue;
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoStatus(errno, fmt::format("open {}", path));
    return fd;
  }
  UniqueFd fd(open(mapping.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat file {};
  if (!fd.valid() || fstat(fd.get(), &file) != 0 || !IsFileOf(mapping, file)) {
    return absl::FailedPreconditionError(fmt::format(
        "the file behind guest memory, {}, is open nowhere and was unlinked or replaced; {}",
        mapping.path, kHowToShare));
  }
  return fd;
}

// Maps the same privately over `mapping`. It is never written to, so it shows the same; but a
// shared one could not be registered with a userfaultfd without the right to write to the file.
// Without MAP_NORESERVE hugetlbfs would set huge pages aside.
absl::Status MakePrivate(int fd, std::uint64_t offset, const Mapping& mapping) {
  if (mmap(mapping.data(), mapping.size(), PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
           static_cast<off_t>(offset)) == MAP_FAILED) {
    return ErrnoStatus(errno, "map guest memory privately");
  }
  return KeepOutOfCoreDumps(mapping.data(), mapping.size());
}

std::optional<PagemapScan> OwnPageTables() {
  absl::StatusOr<PagemapScan> scan = PagemapScan::Open(getpid());
  if (!scan.ok()) return std::nullopt;
  return *std::move(scan);
}

// Calls `visit(first, end)` for the byte ranges of [from, to) that hold data; stops at an error.
template <typename Visit>
absl::Status ForEachData(int fd, std::uint64_t from, std::uint64_t to, Visit visit) {
  std::uint64_t at = from;
  while (at < to) {
    const off_t data = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return absl::OkStatus();
    if (data < 0) return ErrnoStatus(errno, "look for data in the guest's memory file");
    if (static_cast<std::uint64_t>(data) >= to) return absl::OkStatus();
    const off_t hole = lseek(fd, data, SEEK_HOLE);
    if (hole < 0 && errno != ENXIO) {
      return ErrnoStatus(errno, "look for holes in the guest's memory file");
    }
    // ENXIO here: the data was punched out between the two calls.
    const std::uint64_t end =
        hole < 0 ? static_cast<std::uint64_t>(data) + kPageBytes : static_cast<std::uint64_t>(hole);
    visit(static_cast<std::uint64_t>(data), std::min(end, to));
    at = end;
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<HostMapping> FindMapping(std::string_view maps, std::uint64_t address) {
  while (!maps.empty()) {
    const std::size_t line_end = std::min(maps.find('\n'), maps.size());
    std::optional<HostMapping> mapping = ParseMapping(maps.substr(0, line_end));
    if (mapping && mapping->first <= address && address < mapping->end) return mapping;
    maps.remove_prefix(std::min(line_end + 1, maps.size()));
  }
  return std::nullopt;
}

SharedRam::SharedRam(UniqueFd file, std::uint64_t file_offset, std::uint64_t address,
                     Mapping mapping)
    : file_(std::move(file)),
      file_offset_(file_offset),
      address_(address),
      mapping_(std::move(mapping)),
      ours_(OwnPageTables()),
      populated_(mapping_.size() / kPageBytes) {}

absl::StatusOr<SharedRam> SharedRam::Open(pid_t pid, std::uint64_t address, std::uint64_t bytes) {
  std::ifstream file(fmt::format("/proc/{}/maps", pid));
  const std::string maps((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (maps.empty()) {
    return absl::PermissionDeniedError(fmt::format(
        "read /proc/{}/maps: not allowed or no such process: run stillframed as root, as QEMU's "
        "user, or with CAP_SYS_PTRACE",
        pid));
  }
  const std::optional<HostMapping> found = FindMapping(maps, address);
  if (!found) {
    return absl::FailedPreconditionError(
        fmt::format("process {} has no memory at {:#x}: it is not the QEMU behind this monitor "
                    "(a monitor's socket must be created by QEMU itself)",
                    pid, address));
  }
  if (!found->shared || found->inode == 0) {
    return absl::FailedPreconditionError(
        fmt::format("guest memory is not shared; {}", kHowToShare));
  }
  absl::StatusOr<UniqueFd> fd = OpenFile(pid, *found);
  if (absl::IsPermissionDenied(fd.status())) {
    return Annotate(fd.status(), "run stillframed as root, as QEMU's user, or with CAP_SYS_PTRACE");
  }
  SF_RETURN_IF_ERROR(fd.status());
  const std::uint64_t offset = found->file_offset + (address - found->first);
  struct stat status {};
  if (fstat(fd->get(), &status) != 0) return ErrnoStatus(errno, "size of the guest's memory file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  // A page past the file's end would be a SIGBUS for whoever reads it.
  if (offset % kPageBytes != 0 || offset > size || bytes > size - offset) {
    return absl::FailedPreconditionError(
        fmt::format("guest memory of {} bytes does not lie in its file {} of {} bytes", bytes,
                    found->path, size));
  }
  SF_ASSIGN_OR_RETURN(Mapping mapping,
                      Mapping::Shared(fd->get(), offset, bytes, Access::kReadOnly));
  SF_RETURN_IF_ERROR(MakePrivate(fd->get(), offset, mapping));
  return SharedRam(*std::move(fd), offset, address, std::move(mapping));
}

// Walking a file costs some 0.2 us for each page that it holds, our page tables a hundredth of
// that; and what is in those has memory. So the file is asked about the rest only.
absl::Status SharedRam::ClearHoles(GfnRange range, std::uint64_t offset,
                                   PageBitmap& resident) const {
  const std::uint64_t first = offset >> kPageShift;
  if (!ours_.has_value()) return ClearHolesOf(first, first + range.pages, range.first, resident);
  const std::uint64_t base = reinterpret_cast<std::uintptr_t>(mapping_.data());
  absl::Status status;
  SF_RETURN_IF_ERROR(
      ours_->ForEach(PagemapScan::Find::kNotPresent, {base + offset, base + offset + range.bytes()},
                     [&](HostRange run) {
                       const std::uint64_t page = (run.first - base) >> kPageShift;
                       const std::uint64_t end = (run.end - base) >> kPageShift;
                       if (status.ok()) {
                         status = ClearHolesOf(page, end, range.first + (page - first), resident);
                       }
                     }));
  return status;
}

absl::Status SharedRam::ClearHolesOf(std::uint64_t first, std::uint64_t end, Gfn frame,
                                     PageBitmap& resident) const {
  const std::uint64_t from_byte = file_offset_ + (first << kPageShift);
  const std::uint64_t to_byte = file_offset_ + (end << kPageShift);
  Gfn done = frame;
  SF_RETURN_IF_ERROR(
      ForEachData(file_.get(), from_byte, to_byte, [&](std::uint64_t from, std::uint64_t to) {
        const Gfn data = frame + ((from - from_byte) >> kPageShift);
        resident.ClearRange({done, data.value - done.value});
        done = frame + ((to - from_byte + kPageBytes - 1) >> kPageShift);
      }));
  resident.ClearRange({done, (frame + (end - first)).value - done.value});
  return absl::OkStatus();
}

absl::Status SharedRam::PopulateResident(PageBitmap* arrived) {
  const GfnRange all{Gfn{0}, populated_.size()};
  PageBitmap fresh(all.pages);
  fresh.SetRange(all);
  SF_RETURN_IF_ERROR(ClearHoles(all, 0, fresh));
  for (std::size_t i = 0; i < fresh.words().size(); ++i) {
    fresh.words()[i] &= ~populated_.words()[i];
  }
  if (arrived != nullptr) *arrived = fresh;
  absl::Status status;
  fresh.ForEachRun(all, [&](GfnRange run) {
    if (madvise(mapping_.data() + run.first.address(), run.bytes(), MADV_POPULATE_READ) == 0) {
      populated_.SetRange(run);
    } else if (errno != EINVAL) {  // EINVAL: a kernel before 5.14, which faults in on access
      status = ErrnoStatus(errno, "fault in guest memory");
    }
  });
  return status;
}

}  // namespace stillframe
