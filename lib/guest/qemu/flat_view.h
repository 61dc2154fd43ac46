// The guest-physical address space as QEMU's `info mtree -f` prints it.
//
// A pure function over text that another process sent: nothing in it is trusted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace stillframe {

enum class FlatKind : std::uint8_t {
  kRam,
  kRom,     // RAM that the guest cannot write now
  kDevice,  // i/o, device RAM, ROM devices: no plain memory
};

// Bytes [first, last] of guest-physical memory, backed by `block` from `offset` on.
struct FlatRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  FlatKind kind = FlatKind::kDevice;
  std::string block;
  std::uint64_t offset = 0;
  friend bool operator==(const FlatRange&, const FlatRange&) = default;
};

// What the CPUs see ("memory", root: system): ascending, without overlap, at most 4096 ranges.
// DATA_LOSS when the text holds no such view or one that makes no sense.
absl::StatusOr<std::vector<FlatRange>> ParseSystemFlatView(std::string_view mtree);

}  // namespace stillframe
