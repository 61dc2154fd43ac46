#include "local/mapped_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/memfd.h"
#include "base/reason.h"
#include "base/status.h"
#include "local/slot_runs.h"

namespace stillframe {

absl::StatusOr<LivenessWord> LivenessWord::Map(UniqueFd control, std::uint64_t control_bytes,
                                               std::uint32_t index) {
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");
  constexpr std::uint64_t kWordBytes = sizeof(std::uint64_t);
  if (control_bytes < kWordBytes || index > control_bytes / kWordBytes - 1) {
    return absl::DataLossError(
        fmt::format("map a control page: word {} is outside its {} bytes", index, control_bytes));
  }
  SF_RETURN_IF_ERROR(CheckSealed(control.get(), control_bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping,
                      Mapping::Shared(control.get(), 0, control_bytes, Access::kReadOnly));
  const auto* words = reinterpret_cast<const std::atomic<std::uint64_t>*>(mapping.data());
  return LivenessWord(std::move(mapping), words + index);
}

absl::StatusOr<std::shared_ptr<MappedSnapshot>> MappedSnapshot::Create(Parts parts) {
  const std::uint64_t slots_end =
      std::uint64_t{parts.segments.size()} * parts.arena->slots_per_segment();
  if (!SlotsAreWithin(parts.pages.slots(), static_cast<Slot>(slots_end))) {
    return absl::DataLossError(
        fmt::format("map a snapshot: its page map names slots outside the {} segments of its arena",
                    parts.segments.size()));
  }
  return std::shared_ptr<MappedSnapshot>(new MappedSnapshot(std::move(parts)));
}

MappedSnapshot::MappedSnapshot(Parts parts)
    : parts_(std::move(parts)),
      slot_mask_(parts_.arena->slots_per_segment() - 1),
      lookup_(parts_.pages.slots().data(), parts_.segments.data(),
              static_cast<unsigned>(std::popcount(slot_mask_))) {}

MappedSnapshot::~MappedSnapshot() { parts_.release(parts_.pin); }

PinnedSnapshot::Run MappedSnapshot::RunAt(Gfn gfn, Gfn end) const {
  const std::span<const Slot> window = slots().subspan(gfn.value, end.value - gfn.value);
  const Slot first = window.front();
  Run run{GfnRange{gfn, 0}, StateOf(first), nullptr};
  if (run.state != PageState::kPresent) {
    run.range.pages = CountSameState(window);
    return run;
  }
  const std::uint32_t index = first & slot_mask_;
  run.bytes = lookup_.BytesOf(gfn);
  run.range.pages =
      CountConsecutive(window.first(std::min<std::size_t>(window.size(), slot_mask_ + 1 - index)));
  return run;
}

absl::StatusOr<PinnedSnapshot::ReadResult> MappedSnapshot::Read(
    std::uint64_t address, std::span<std::byte> destination) const {
  const std::uint64_t bytes = page_count() << kPageShift;
  if (address > bytes || destination.size() > bytes - address) {
    return WithReason(absl::OutOfRangeError(fmt::format(
                          "read {} bytes at {:#x} of guest {}: its memory ends at {:#x}",
                          destination.size(), address, parts_.metadata.guest_name(), bytes)),
                      "RANGE_PAST_END", {{"page_count", std::to_string(page_count())}});
  }
  ReadResult result;
  while (result.copied < destination.size()) {
    const std::uint64_t at = address + result.copied;
    const std::size_t left = destination.size() - result.copied;
    const std::size_t offset = at & (kPageBytes - 1);
    const Gfn gfn = Gfn::OfAddress(at);
    const Run run = RunAt(gfn, Gfn::OfAddress(at + left - 1) + 1);
    const std::size_t part = std::min<std::size_t>(left, run.range.bytes() - offset);
    if (run.state == PageState::kPresent) {
      std::memcpy(destination.data() + result.copied, run.bytes + offset, part);
    } else if (run.state == PageState::kZero) {
      std::memset(destination.data() + result.copied, 0, part);
    } else {
      result.state = run.state;
      break;
    }
    result.copied += part;
  }
  SF_RETURN_IF_ERROR(CheckHeld());
  return result;
}

absl::Status MappedSnapshot::CheckHeld() const {
  if (parts_.liveness.StillSays(Generation{parts_.metadata.generation()})) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::AbortedError(fmt::format(
          "generation {} of guest {} was recycled while it was read: the pin was lost (its time "
          "to live passed, or the connection to stillframed ended)",
          parts_.metadata.generation(), parts_.metadata.guest_name())),
      "READ_LOST_PIN", {{"generation", std::to_string(parts_.metadata.generation())}});
}

v1::PageStatus StatusOf(PageState state) {
  switch (state) {
    case PageState::kPresent:
      return v1::PAGE_STATUS_PRESENT;
    case PageState::kZero:
      return v1::PAGE_STATUS_ZERO;
    case PageState::kHole:
      return v1::PAGE_STATUS_ABSENT_HOLE;
    case PageState::kBallooned:
      return v1::PAGE_STATUS_ABSENT_BALLOONED;
    case PageState::kMmio:
      return v1::PAGE_STATUS_ABSENT_MMIO;
    case PageState::kUnreadable:
      return v1::PAGE_STATUS_ABSENT_UNREADABLE;
  }
  return v1::PAGE_STATUS_ABSENT_UNREADABLE;
}

}  // namespace stillframe
