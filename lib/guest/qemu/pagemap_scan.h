// What the kernel knows about the pages of a process (PAGEMAP_SCAN of /proc/PID/pagemap,
// Linux 6.7).
//
// Thread-compatible. Nothing but Open allocates, so the pause window may use the rest.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "guest/qemu/shim/write_protect_abi.h"

namespace stillframe {

// Bytes [first, end) of a process's address space.
struct HostRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

class PagemapScan {
 public:
  enum class Find : std::uint8_t {
    kWritten,      // since they were last taken; a page may be named twice
    kTakeWritten,  // the same, and each is write-protected again in the same step
    kNotPresent,   // without an entry in the process's page tables
  };

  // UNIMPLEMENTED: the kernel is older than 6.7. PERMISSION_DENIED: not for this process's eyes.
  static absl::StatusOr<PagemapScan> Open(pid_t pid);

  // Calls `visit(HostRange)` for each run of such pages in `within`, ascending; runs may touch.
  // FAILED_PRECONDITION: written pages are not recorded in all of the range. [window]
  template <typename Visit>
  absl::Status ForEach(Find find, HostRange within, Visit visit) {
    while (within.first < within.end) {
      SF_ASSIGN_OR_RETURN(const auto found, Next(find, within));
      for (const stillframe_page_region& region : found) visit(HostRange{region.start, region.end});
    }
    return absl::OkStatus();
  }

 private:
  PagemapScan(UniqueFd pagemap, pid_t pid);

  // The next runs; `within` becomes what was not looked at yet.
  absl::StatusOr<std::span<const stillframe_page_region>> Next(Find find, HostRange& within);

  UniqueFd pagemap_;
  pid_t pid_;
  std::vector<stillframe_page_region> regions_;
};

}  // namespace stillframe
