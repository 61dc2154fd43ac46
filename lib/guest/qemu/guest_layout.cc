#include "guest/qemu/guest_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

bool IsMemory(const FlatRange& range) { return range.kind != FlatKind::kDevice; }

}  // namespace

absl::StatusOr<GuestLayout> LayOut(std::span<const FlatRange> ranges,
                                   std::span<const RamBlock> blocks) {
  GuestLayout layout;
  std::vector<MemoryRegion> regions;
  std::uint64_t covered = 0;  // frames below are taken
  std::size_t readable_regions = 0;
  for (const FlatRange& range : ranges) {
    const auto block = std::find_if(blocks.begin(), blocks.end(), [&](const RamBlock& b) {
      return IsMemory(range) && b.name == range.block;
    });
    // Memory counts with whole pages only; a device takes the pages that it touches.
    const std::uint64_t first =
        IsMemory(range) ? (range.first >> kPageShift) + (range.first % kPageBytes != 0 ? 1 : 0)
                        : std::max(range.first >> kPageShift, covered);
    const std::uint64_t end =
        (range.last >> kPageShift) + (!IsMemory(range) || (range.last + 1) % kPageBytes == 0);
    if (first < covered || first >= end) continue;
    if (end > kGuestPagesMax) {
      // 64-bit device windows live up there; memory does not, in guests of up to 16 TiB.
      if (block == blocks.end()) continue;
      return absl::FailedPreconditionError(
          fmt::format("guest memory ends at {:#x}, past 16 TiB", range.last));
    }
    covered = end;
    const GfnRange frames{Gfn{first}, end - first};
    if (!IsMemory(range)) {
      regions.push_back({frames, RegionKind::kMmio});
    } else if (block == blocks.end()) {
      regions.push_back({frames, RegionKind::kUnreadable});
    } else {
      const std::uint64_t offset = range.offset + (frames.first.address() - range.first);
      if (offset > block->bytes || frames.bytes() > block->bytes - offset ||
          offset % kPageBytes != 0) {
        return absl::DataLossError(fmt::format("guest memory at {:#x} lies outside its block {}",
                                               range.first, range.block));
      }
      regions.push_back(
          {frames, range.kind == FlatKind::kRam ? RegionKind::kRam : RegionKind::kRom});
      layout.extents.push_back({frames, static_cast<std::size_t>(block - blocks.begin()), offset});
      readable_regions = regions.size();
    }
  }
  if (readable_regions == 0) {
    return absl::FailedPreconditionError("none of the guest's memory is shared");
  }
  regions.resize(readable_regions);
  SF_ASSIGN_OR_RETURN(layout.map, MemoryMap::Create(std::move(regions)));
  return layout;
}

}  // namespace stillframe
