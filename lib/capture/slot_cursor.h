// Hands out reserved slots in order, without allocating.
//
// The pause window and the finish phase walk the same pages with a cursor each, so which slot a
// page went to needs no record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "store/arena.h"

namespace stillframe {

class SlotCursor {
 public:
  // Begins `skip` slots into the first run.
  explicit SlotCursor(std::span<const SlotRun> runs, std::uint32_t skip = 0)
      : runs_(runs), used_(skip) {}

  // The next at most `count` contiguous slots; count 0 when none are left.
  SlotRun Take(std::uint64_t count) {
    if (runs_.empty()) return {};
    const SlotRun& run = runs_.front();
    const auto taken =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(count, run.count - used_));
    const SlotRun result{run.first + used_, taken};
    used_ += taken;
    if (used_ == run.count) {
      runs_ = runs_.subspan(1);
      used_ = 0;
    }
    return result;
  }

 private:
  std::span<const SlotRun> runs_;
  std::uint32_t used_ = 0;  // of runs_.front()
};

}  // namespace stillframe
