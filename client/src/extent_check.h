// Checks the extents that a gateway streams: they size and place what is made of them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "base/units.h"

namespace stillframe {

// Allocated extents cover every page of a snapshot once, in order.
class AllocatedExtentCheck {
 public:
  explicit AllocatedExtentCheck(std::uint64_t page_count) : page_count_(page_count) {}

  // DATA_LOSS when `extent` is not what comes next.
  absl::Status Accept(GfnRange extent);

  // DATA_LOSS when pages are missing at the end.
  absl::Status Finish() const;

 private:
  const std::uint64_t page_count_;
  Gfn next_;
};

// Changed extents ascend without touching twice what a guest can have.
class ChangedExtentCheck {
 public:
  // DATA_LOSS when `extent` cannot follow the ones before.
  absl::Status Accept(GfnRange extent);

 private:
  Gfn next_;
};

}  // namespace stillframe
