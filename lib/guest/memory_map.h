// What each part of a guest's physical address space is.
//
// Immutable after creation, so thread-safe. Regions are sorted and do not overlap; what no region
// names is a hole.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"

namespace stillframe {

enum class RegionKind : std::uint8_t {
  kRam,
  kRom,         // readable, but the guest cannot write it
  kMmio,        // a device answers here: there are no bytes to copy
  kBallooned,   // given back to the host; may return
  kUnreadable,  // memory that the hypervisor refuses to show
  kHole,        // nothing is there
};

std::string_view NameOf(RegionKind kind);

struct MemoryRegion {
  GfnRange range;
  RegionKind kind = RegionKind::kHole;
  friend bool operator==(const MemoryRegion&, const MemoryRegion&) = default;
};

class MemoryMap {
 public:
  MemoryMap() = default;

  // Sorts `regions` and joins neighbours of one kind. INVALID_ARGUMENT when two overlap, one is
  // empty, or the map ends past kGuestPagesMax.
  static absl::StatusOr<MemoryMap> Create(std::vector<MemoryRegion> regions);

  const std::vector<MemoryRegion>& regions() const { return regions_; }

  // One past the highest frame of any region that is not a hole: the length of page maps.
  std::uint64_t page_count() const { return page_count_; }

  // Pages that have bytes to copy (RAM and ROM).
  std::uint64_t readable_pages() const { return readable_pages_; }

  RegionKind KindOf(Gfn gfn) const;

  friend bool operator==(const MemoryMap& a, const MemoryMap& b) {
    return a.regions_ == b.regions_;
  }

 private:
  std::vector<MemoryRegion> regions_;
  std::uint64_t page_count_ = 0;
  std::uint64_t readable_pages_ = 0;
};

}  // namespace stillframe
