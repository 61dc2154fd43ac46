// Asynchronous write protection of memory of a QEMU that runs with libstillframe-qemu.so: what lets
// PagemapScan tell which pages were written.
//
// Thread-compatible. QEMU's own descriptor keeps the protection alive, so a daemon that dies leaves
// nothing that QEMU would wait for, and the next one goes on with it.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guest/qemu/pagemap_scan.h"

namespace stillframe {

class WriteProtection {
 public:
  // Duplicates the shim's userfaultfd out of process `pid`, which `pidfd` names too. NOT_FOUND:
  // there is none. PERMISSION_DENIED: this process may not. The message says what to change.
  //
  // Nothing that the other process says is taken for granted: the kernel vouches for what the
  // duplicate is, and for the features that keep faults from ever waiting for us.
  static absl::StatusOr<WriteProtection> TakeFrom(pid_t pid, int pidfd);

  // A userfaultfd of this process.
  static absl::StatusOr<WriteProtection> OfThisProcess();

  // Begins to record writes: none so far. All of it has page tables from then on, touched or not,
  // and transparent huge pages are mapped page by page: PAGEMAP_SCAN passes over what has no page
  // table (pagemap_scan_pte_hole, fs/proc/task_mmu.c, 6.7), and so forgets what was written to a
  // huge page that was split since.
  // FAILED_PRECONDITION: another userfaultfd of that process has this memory.
  absl::Status Protect(HostRange range);

  // Records nothing, but from now on an access maps the page accessed and none of its neighbours.
  absl::Status MapSingly(HostRange range);

  // Also when the range is not protected, or the process is gone.
  void Release(HostRange range);

 private:
  explicit WriteProtection(UniqueFd userfault) : userfault_(std::move(userfault)) {}

  absl::Status Register(HostRange range);

  UniqueFd userfault_;
};

// Whether /proc/self/fdinfo's text is that of a userfaultfd with exactly the shim's features.
bool IsShimsUserfault(std::string_view fdinfo);

}  // namespace stillframe
