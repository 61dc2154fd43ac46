// Guest RAM of another process, reached through the file behind its mapping.
//
// Thread-compatible. Mapped read-only: this process cannot change the guest's memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "guest/page_bitmap.h"
#include "guest/qemu/pagemap_scan.h"

namespace stillframe {

// One line of /proc/PID/maps.
struct HostMapping {
  std::uint64_t first = 0;  // host-virtual
  std::uint64_t end = 0;
  bool shared = false;
  std::uint64_t file_offset = 0;
  dev_t device = 0;
  ino_t inode = 0;  // 0: no file behind it
  std::string path;
};

// The mapping that holds `address`, out of the text of /proc/PID/maps.
std::optional<HostMapping> FindMapping(std::string_view maps, std::uint64_t address);

class SharedRam {
 public:
  // Maps `bytes` of what process `pid` has at `address`. FAILED_PRECONDITION: that memory is not
  // shared, or its file cannot be reached any more. PERMISSION_DENIED: this process may not look
  // into `pid`. The message says what to change.
  static absl::StatusOr<SharedRam> Open(pid_t pid, std::uint64_t address, std::uint64_t bytes);

  const std::byte* data() const { return mapping_.data(); }
  std::uint64_t bytes() const { return mapping_.size(); }

  // Where it lies in the other process.
  std::uint64_t address() const { return address_; }

  // Clears the bits of the frames in `range`, which lie from byte `offset` on, that have no
  // memory behind them. Neither touches the pages nor allocates.
  absl::Status ClearHoles(GfnRange range, std::uint64_t offset, PageBitmap& resident) const;

  // Faults in the pages that have memory behind them and were not faulted in before, so that the
  // pause window does not have to. Null, or told which those are, by page of this block.
  absl::Status PopulateResident(PageBitmap* arrived = nullptr);

 private:
  SharedRam(UniqueFd file, std::uint64_t file_offset, std::uint64_t address, Mapping mapping);

  // The same for the pages [first, end) of this block, which lie at `frame` on.
  absl::Status ClearHolesOf(std::uint64_t first, std::uint64_t end, Gfn frame,
                            PageBitmap& resident) const;

  UniqueFd file_;
  std::uint64_t file_offset_;
  std::uint64_t address_;
  Mapping mapping_;
  mutable std::optional<PagemapScan> ours_;  // this process's page tables; none before Linux 6.7
  PageBitmap populated_;                     // by page of this block
};

}  // namespace stillframe
