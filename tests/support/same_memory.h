// Compares a snapshot with the memory of a guest that stands still.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "guest/guest.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

// Reads the whole snapshot; how many pages are not as in `view`, in bytes or in kind. `view` is of
// a guest that its operator paused before the capture. Pages that were left out count.
inline absl::StatusOr<std::uint64_t> CountWrongPages(SnapshotReader& reader,
                                                     const GuestView& view) {
  std::uint64_t next_gfn = 0;
  std::uint64_t wrong_pages = 0;
  auto memory_at = [&view](Gfn gfn) -> const std::byte* {
    for (const MappedExtent& extent : view.extents) {
      if (!extent.range.Contains(gfn)) continue;
      return extent.at + ((gfn.value - extent.range.first.value) << kPageShift);
    }
    return nullptr;
  };
  static const std::vector<std::byte> zeros(kPageBytes);
  SF_RETURN_IF_ERROR(reader.ReadPages({}, EmptyRuns::kReport, [&](const PageRun& run) {
    if (run.range.first.value != next_gfn) ++wrong_pages;
    next_gfn = run.range.end().value;
    for (std::uint64_t i = 0; i < run.range.pages; ++i) {
      const Gfn gfn = run.range.first + i;
      const std::byte* memory = memory_at(gfn);
      bool right = false;
      if (run.status == v1::PAGE_STATUS_PRESENT) {
        right = memory != nullptr &&
                std::memcmp(memory, run.bytes.data() + (i << kPageShift), kPageBytes) == 0;
      } else if (run.status == v1::PAGE_STATUS_ZERO) {
        right = memory != nullptr && std::memcmp(memory, zeros.data(), kPageBytes) == 0;
      } else {
        right = memory == nullptr;
      }
      if (!right) ++wrong_pages;
    }
    return absl::OkStatus();
  }));
  if (next_gfn != reader.metadata().page_count()) ++wrong_pages;
  return wrong_pages;
}

}  // namespace stillframe
