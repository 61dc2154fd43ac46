// The RAM of one QEMU guest, block by block.
//
// Owned by the guest's thread.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/qemu/flat_view.h"
#include "guest/qemu/guest_layout.h"
#include "guest/qemu/shared_ram.h"
#include "guest/qmp/qmp_connection.h"

namespace stillframe {

// The blocks of one guest's RAM that are mapped here. Immutable but for what is faulted in.
struct QemuRam {
  std::vector<RamBlock> all;      // readable or not, as MemoryBlocks said
  std::vector<RamBlock> blocks;   // readable
  std::vector<SharedRam> mapped;  // same order as `blocks`
};

// The blocks that `ranges` lie in, by name, and how long each must be.
std::vector<RamBlock> MemoryBlocks(const std::vector<FlatRange>& ranges);

// Maps every block of `ranges` that QEMU shares. FAILED_PRECONDITION or PERMISSION_DENIED when
// the guest's RAM proper (what lies at address 0, and every memory backend) is not among them:
// the message says what to change.
absl::StatusOr<std::shared_ptr<QemuRam>> OpenQemuRam(QmpConnection& qmp,
                                                     const std::vector<FlatRange>& ranges);

}  // namespace stillframe
