// Which frames of a QEMU guest were written since the last look, for a QEMU that runs with
// libstillframe-qemu.so.
//
// Owned by the guest's thread. Sees what is written through QEMU's own mapping of guest memory: by
// QEMU, by vCPUs (KVM's page tables follow QEMU's: PAGEMAP_SCAN calls its MMU notifiers,
// fs/proc/task_mmu.c) and by system calls that copy. What writes past it: memory_writers.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/guest.h"
#include "guest/page_bitmap.h"
#include "guest/qemu/guest_layout.h"
#include "guest/qemu/pagemap_scan.h"
#include "guest/qemu/qemu_ram.h"
#include "guest/qemu/write_protection.h"

namespace stillframe {

// Whether guest memory can lose its host memory while the guest runs.
enum class Residency : std::uint8_t {
  kLasts,
  kMayVanish,  // a balloon gives it back, or the host swaps
};

class DirtyLog {
 public:
  // Errors as with WriteProtection::TakeFrom and PagemapScan::Open: this QEMU has no such log.
  static absl::StatusOr<std::unique_ptr<DirtyLog>> Open(pid_t pid, int pidfd);

  // Turns the log off.
  ~DirtyLog();
  DirtyLog(const DirtyLog&) = delete;
  DirtyLog& operator=(const DirtyLog&) = delete;

  // Logs the writes to these blocks from now on. Does nothing when it does so already. After an
  // error the log is off.
  absl::Status TurnOn(const std::shared_ptr<QemuRam>& ram, const GuestLayout& layout,
                      Residency residency);

  void TurnOff();
  bool on() const { return ram_ != nullptr; }

  // These pages of block number `block` were seen to have memory for the first time. Should the
  // host have swapped them out since they were written, Linux 6.7 does not report them.
  void NoteArrived(std::size_t block, const PageBitmap& pages);

  // These frames, out of those that were dirty or asked about, have memory though it may not be
  // mapped here (swapped out): should it vanish later, they are dirty again. [window]
  void NoteResident(const PageBitmap& frames);

  // The contract of Guest::FetchDirty. kUnknown after an error until it is turned on anew.
  // [window]
  DirtyAnswer Fetch(PageBitmap& dirty);

  // How many frames the next Fetch will name, as far as is known; all when that cannot tell.
  std::uint64_t Count();

  // The contract of Guest::ForgetVanished. [window]
  void ForgetVanished(PageBitmap& resident) const;

 private:
  DirtyLog(WriteProtection protection, PagemapScan theirs, PagemapScan ours);

  absl::Status Collect(PagemapScan::Find find, PageBitmap& into);
  absl::Status MapOursSingly();
  absl::Status FindVanished();
  void SetFrames(std::size_t block, std::uint64_t offset, std::uint64_t bytes,
                 PageBitmap& into) const;

  WriteProtection protection_;
  PagemapScan theirs_;  // QEMU's page tables
  PagemapScan ours_;
  std::optional<WriteProtection> our_faults_;  // with Residency::kMayVanish

  std::shared_ptr<QemuRam> ram_;      // null: off
  std::vector<BlockExtent> extents_;  // which frames lie where in it
  Residency residency_ = Residency::kLasts;
  bool complete_ = false;  // the log saw every write since the last fetch
  bool lost_ = false;      // a scan failed

  // By frame.
  PageBitmap fetched_;
  PageBitmap arrived_;
  PageBitmap absent_;  // not in our own mapping at the last fetch: discarding takes them there too
  PageBitmap expected_;  // may be in the newest generation with bytes that absence would change
};

}  // namespace stillframe
