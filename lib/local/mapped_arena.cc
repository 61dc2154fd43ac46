#include "local/mapped_arena.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/memfd.h"
#include "base/status.h"
#include "base/units.h"
#include "local/frame.h"
#include "store/slot.h"

namespace stillframe {

absl::StatusOr<std::shared_ptr<MappedArena>> MappedArena::Create(std::uint64_t segment_bytes) {
  if (!std::has_single_bit(segment_bytes) || segment_bytes < kPageBytes ||
      segment_bytes / kPageBytes > kSlotsMax) {
    return absl::InvalidArgumentError(
        fmt::format("map an arena: segments of {} bytes make no sense", segment_bytes));
  }
  return std::shared_ptr<MappedArena>(new MappedArena(segment_bytes));
}

std::uint32_t MappedArena::slots_per_segment() const {
  return static_cast<std::uint32_t>(segment_bytes_ >> kPageShift);
}

absl::StatusOr<std::vector<const std::byte*>> MappedArena::Segments(std::uint32_t count,
                                                                    const Fetch& fetch) {
  if (std::uint64_t{count} * slots_per_segment() > kSlotsMax) {
    return absl::InvalidArgumentError(
        fmt::format("map an arena: {} segments are more than slots can name", count));
  }
  MutexLock lock(mu_);
  while (segments_.size() < count) {
    const auto first = static_cast<std::uint32_t>(segments_.size());
    const std::uint32_t batch =
        std::min(count - first, static_cast<std::uint32_t>(kFrameDescriptorsMax));
    SF_ASSIGN_OR_RETURN(const std::vector<UniqueFd> fds, fetch(first, batch));
    if (fds.size() != batch) {
      return absl::DataLossError(fmt::format(
          "map an arena: stillframed sent {} segments, {} were asked for", fds.size(), batch));
    }
    for (const UniqueFd& fd : fds) {
      SF_RETURN_IF_ERROR(CheckSealed(fd.get(), segment_bytes_));
      SF_ASSIGN_OR_RETURN(Mapping mapping,
                          Mapping::Shared(fd.get(), 0, segment_bytes_, Access::kReadOnly));
      segments_.push_back(std::move(mapping));
    }
  }
  std::vector<const std::byte*> bases;
  bases.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) bases.push_back(segments_[i].data());
  return bases;
}

}  // namespace stillframe
