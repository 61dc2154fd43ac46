// Turns what a simulated guest's process says into checked values.
//
// Functions without state; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/memory_map.h"
#include "guest/page_bitmap.h"
#include "guest/sim/sim_wire.h"
#include "guest/vcpu_state.h"

namespace stillframe::sim {

// The memory map in `layout`. DATA_LOSS unless its regions ascend, do not overlap, end at
// `guest_pages` and lie inside a RAM file of `ram_pages`.
absl::StatusOr<MemoryMap> CheckLayout(const DescribeReply& layout, std::uint64_t guest_pages,
                                      std::uint64_t ram_pages);

// What `table`, of map.page_count() entries, has for the frames that `map` says are RAM, and
// kNoMachineFrame for all others.
std::vector<std::uint64_t> MachineFramesOf(std::span<const std::uint64_t> table,
                                           const MemoryMap& map);

// Clears from `resident` those frames of `region` that are holes in the RAM file. Does not
// allocate. Costs one lseek for each page of short runs, one for each hole of long ones.
absl::Status ClearHoles(int ram_fd, const Region& region, PageBitmap& resident);

// DATA_LOSS when the count is impossible.
absl::StatusOr<std::vector<VcpuState>> DecodeVcpus(const VcpusReply& reply);

}  // namespace stillframe::sim
