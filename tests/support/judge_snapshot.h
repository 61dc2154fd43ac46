// Judges a snapshot by the torn-page workload that ran in its guest.
#pragma once

#include <gtest/gtest.h>

#include "introspect/torn_pages.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

inline TornVerdict JudgeTornPages(SnapshotReader& reader) {
  TornPages pages;
  const absl::Status read = reader.ReadPages({}, EmptyRuns::kSkip, [&](const PageRun& run) {
    for (std::size_t at = 0; at < run.bytes.size(); at += kPageBytes) {
      const absl::Status added =
          pages.Add(std::span<const std::byte, kPageBytes>(run.bytes.subspan(at, kPageBytes)));
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(read.ok()) << read;
  return pages.Judge();
}

}  // namespace stillframe
