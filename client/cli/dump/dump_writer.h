// Puts page runs and the format's headers where the plan says, in ascending order.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "dump/dump_output.h"
#include "dump/dump_plan.h"

namespace stillframe::cli {

class DumpWriter {
 public:
  // Both must outlive it.
  DumpWriter(const DumpPlan& plan, DumpOutput& output) : plan_(plan), output_(output) {}

  // Pages that have bytes, ascending; those left out read as zeros. INTERNAL when they are not
  // inside one of the plan's segments.
  absl::Status Add(GfnRange range, std::span<const std::byte> bytes);

  // The remaining headers, and the output's Finish.
  absl::Status Finish();

 private:
  absl::Status WriteHeadersUpTo(std::uint64_t offset);

  const DumpPlan& plan_;
  DumpOutput& output_;
  std::size_t next_header_ = 0;
  std::size_t segment_ = 0;
};

}  // namespace stillframe::cli
