// Checks what a gateway streams against what was asked of it: the runs of a read come in order,
// inside the ranges, with the bytes they claim, and with nothing left out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe {

// DATA_LOSS when no guest can have so many pages: what is sized by the count comes after this.
absl::Status CheckPageCount(const v1::Snapshot& snapshot);

class ReadCheck {
 public:
  ReadCheck(std::span<const GfnRange> ranges, EmptyRuns empty);

  // DATA_LOSS when `run` is not what comes next.
  absl::Status Accept(const PageRun& run);

  // DATA_LOSS when runs are missing at the end.
  absl::Status Finish() const;

 private:
  const std::vector<GfnRange> ranges_;
  const EmptyRuns empty_;
  std::size_t index_ = 0;    // of the range that is being read
  std::uint64_t pages_ = 0;  // of it that came
};

}  // namespace stillframe
