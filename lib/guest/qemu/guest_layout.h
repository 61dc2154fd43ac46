// Which guest frames lie where in which block of RAM: QEMU's flat view in Stillframe's terms.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/memory_map.h"
#include "guest/qemu/flat_view.h"

namespace stillframe {

// A block of guest memory.
struct RamBlock {
  std::string name;
  std::uint64_t bytes = 0;
  friend bool operator==(const RamBlock&, const RamBlock&) = default;
};

// Frames whose bytes lie in block number `block` from byte `offset` on.
struct BlockExtent {
  GfnRange range;
  std::size_t block = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const BlockExtent&, const BlockExtent&) = default;
};

struct GuestLayout {
  MemoryMap map;
  std::vector<BlockExtent> extents;  // ascending; cover exactly the map's RAM and ROM
  friend bool operator==(const GuestLayout&, const GuestLayout&) = default;
};

// RAM and ROM outside `blocks` is kUnreadable, devices are kMmio (their pages whole). The map
// ends with the last readable page: devices and firmware far above RAM would make every page map
// many times its size. FAILED_PRECONDITION when nothing is readable or the guest is too large;
// DATA_LOSS when a range lies outside its block.
absl::StatusOr<GuestLayout> LayOut(std::span<const FlatRange> ranges,
                                   std::span<const RamBlock> blocks);

}  // namespace stillframe
