#include "guest/qemu/pagemap_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace stillframe {
namespace {

constexpr std::size_t kRegionsPerCall = 4096;

}  // namespace

PagemapScan::PagemapScan(UniqueFd pagemap, pid_t pid)
    : pagemap_(std::move(pagemap)), pid_(pid), regions_(kRegionsPerCall) {}

absl::StatusOr<PagemapScan> PagemapScan::Open(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/pagemap", pid);
  UniqueFd pagemap(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pagemap.valid()) return ErrnoStatus(errno, fmt::format("open {}", path));
  // An empty range: nothing but the question whether there is such a call.
  stillframe_pm_scan_arg argument{};
  argument.size = sizeof argument;
  if (ioctl(pagemap.get(), STILLFRAME_PAGEMAP_SCAN, &argument) < 0 && errno == ENOTTY) {
    return absl::UnimplementedError("this kernel has no PAGEMAP_SCAN: it needs Linux 6.7 or newer");
  }
  return PagemapScan(std::move(pagemap), pid);
}

absl::StatusOr<std::span<const stillframe_page_region>> PagemapScan::Next(Find find,
                                                                          HostRange& within) {
  stillframe_pm_scan_arg argument{};
  argument.size = sizeof argument;
  argument.start = within.first;
  argument.end = within.end;
  argument.vec = reinterpret_cast<std::uintptr_t>(regions_.data());
  argument.vec_len = regions_.size();
  if (find == Find::kNotPresent) {
    argument.category_mask = STILLFRAME_PAGE_IS_PRESENT;
    argument.category_inverted = STILLFRAME_PAGE_IS_PRESENT;
  } else {
    argument.flags = STILLFRAME_PM_SCAN_CHECK_WPASYNC;
    if (find == Find::kTakeWritten) argument.flags |= STILLFRAME_PM_SCAN_WP_MATCHING;
    // Just this, as the answer too, is the only scan that also names written pages which the kernel
    // has unmapped since (pagemap_scan_pmd_entry, fs/proc/task_mmu.c, 6.7).
    argument.category_mask = STILLFRAME_PAGE_IS_WRITTEN;
  }
  // Equal in all regions, so that neighbours are joined.
  argument.return_mask = argument.category_mask;
  const int found = ioctl(pagemap_.get(), STILLFRAME_PAGEMAP_SCAN, &argument);
  if (found < 0) {
    const int error = errno;
    if (error == EPERM) {
      return absl::FailedPreconditionError(fmt::format(
          "writes to memory at {:#x} of process {} are not recorded", within.first, pid_));
    }
    return ErrnoStatus(error,
                       fmt::format("PAGEMAP_SCAN at {:#x} of process {}", within.first, pid_));
  }
  if (argument.walk_end <= within.first || argument.walk_end > within.end) {
    return absl::InternalError(fmt::format("PAGEMAP_SCAN of {:#x} to {:#x} ended at {:#x}",
                                           within.first, within.end, argument.walk_end));
  }
  within.first = argument.walk_end;
  return std::span<const stillframe_page_region>(regions_).first(
      std::min<std::size_t>(static_cast<std::size_t>(found), regions_.size()));
}

}  // namespace stillframe
