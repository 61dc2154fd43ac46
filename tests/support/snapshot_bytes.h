// Reads snapshots the plain way, for comparing with what they should hold.
#pragma once

#include <cstring>
#include <vector>

#include "store/snapshot.h"

namespace stillframe {

// The page's bytes; zeros for zero and absent pages.
inline std::vector<std::byte> PageOf(const Snapshot& snapshot, Gfn gfn) {
  std::vector<std::byte> page(kPageBytes);
  const Slot slot = snapshot.pages.slots()[gfn.value];
  if (slot < kSlotsMax) std::memcpy(page.data(), snapshot.arena->At(slot), kPageBytes);
  return page;
}

inline std::vector<std::byte> BytesOf(const Snapshot& snapshot) {
  std::vector<std::byte> bytes(snapshot.pages.slots().size() << kPageShift);
  for (std::size_t page = 0; page < snapshot.pages.slots().size(); ++page) {
    const Slot slot = snapshot.pages.slots()[page];
    if (slot >= kSlotsMax) continue;
    std::memcpy(bytes.data() + (page << kPageShift), snapshot.arena->At(slot), kPageBytes);
  }
  return bytes;
}

}  // namespace stillframe
