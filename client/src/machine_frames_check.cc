#include "machine_frames_check.h"

#include <fmt/format.h>

#include <utility>

namespace stillframe {

absl::Status MachineFramesCheck::Accept(const v1::ReadMachineFramesResponse& part) {
  const auto& frames = part.machine_frames();
  if (frames.empty() && part.has_snapshot()) return absl::OkStatus();
  const auto count = static_cast<std::uint64_t>(frames.size());
  if (count == 0 || part.first_gfn() != frames_.size() || count > page_count_ - frames_.size()) {
    return absl::DataLossError(
        fmt::format("gateway answered {} machine frames at gfn {:#x}; next of {} is {:#x}", count,
                    part.first_gfn(), page_count_, frames_.size()));
  }
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::uint64_t>> MachineFramesCheck::Finish() {
  if (frames_.size() == page_count_) return std::move(frames_);
  return absl::DataLossError(
      fmt::format("gateway left out machine frames from gfn {:#x} on", frames_.size()));
}

}  // namespace stillframe
