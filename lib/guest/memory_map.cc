#include "guest/memory_map.h"

#include <fmt/format.h>

#include <algorithm>

namespace stillframe {

std::string_view NameOf(RegionKind kind) {
  switch (kind) {
    case RegionKind::kRam:
      return "ram";
    case RegionKind::kRom:
      return "rom";
    case RegionKind::kMmio:
      return "mmio";
    case RegionKind::kBallooned:
      return "ballooned";
    case RegionKind::kUnreadable:
      return "unreadable";
    case RegionKind::kHole:
      return "hole";
  }
  return "unknown";
}

absl::StatusOr<MemoryMap> MemoryMap::Create(std::vector<MemoryRegion> regions) {
  std::sort(regions.begin(), regions.end(), [](const MemoryRegion& a, const MemoryRegion& b) {
    return a.range.first < b.range.first;
  });
  MemoryMap map;
  for (const MemoryRegion& region : regions) {
    const GfnRange& range = region.range;
    if (range.empty() || range.first.value > kGuestPagesMax ||
        range.pages > kGuestPagesMax - range.first.value) {
      return absl::InvalidArgumentError(
          fmt::format("memory region of {} pages at gfn {:#x} is empty or ends past 16 TiB",
                      range.pages, range.first.value));
    }
    auto& merged = map.regions_;
    if (!merged.empty() && merged.back().range.end() > range.first) {
      return absl::InvalidArgumentError(
          fmt::format("memory regions overlap at gfn {:#x}", range.first.value));
    }
    if (region.kind == RegionKind::kHole) continue;
    if (!merged.empty() && merged.back().range.end() == range.first &&
        merged.back().kind == region.kind) {
      merged.back().range.pages += range.pages;
    } else {
      merged.push_back(region);
    }
    if (region.kind == RegionKind::kRam || region.kind == RegionKind::kRom) {
      map.readable_pages_ += range.pages;
    }
  }
  if (!map.regions_.empty()) map.page_count_ = map.regions_.back().range.end().value;
  return map;
}

RegionKind MemoryMap::KindOf(Gfn gfn) const {
  auto after = std::upper_bound(
      regions_.begin(), regions_.end(), gfn,
      [](Gfn value, const MemoryRegion& region) { return value < region.range.first; });
  if (after == regions_.begin()) return RegionKind::kHole;
  const MemoryRegion& candidate = *std::prev(after);
  return candidate.range.Contains(gfn) ? candidate.kind : RegionKind::kHole;
}

}  // namespace stillframe
