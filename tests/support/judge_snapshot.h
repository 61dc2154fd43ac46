// Judges a snapshot by the torn-page workload that ran in its guest.
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <vector>

#include "introspect/torn_pages.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

// Reads `ranges`, or everything when there are none. The runs of stamped pages found are added to
// `stamped`, when given.
inline TornVerdict JudgeTornPages(SnapshotReader& reader, std::span<const GfnRange> ranges = {},
                                  std::vector<GfnRange>* stamped = nullptr) {
  TornPages pages;
  const absl::Status read = reader.ReadPages(ranges, EmptyRuns::kSkip, [&](const PageRun& run) {
    for (std::uint64_t index = 0; index < run.range.pages; ++index) {
      const auto page = std::span<const std::byte, kPageBytes>(
          run.bytes.subspan(index << kPageShift, kPageBytes));
      if (const absl::Status added = pages.Add(page); !added.ok()) return added;
      if (stamped == nullptr || !IsStamped(page)) continue;
      const Gfn gfn = run.range.first + index;
      if (!stamped->empty() && stamped->back().end() == gfn) {
        ++stamped->back().pages;
      } else {
        stamped->push_back({gfn, 1});
      }
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  return pages.Judge();
}

}  // namespace stillframe
