// A generation that this process has pinned and mapped: read it at memory speed.
//
// Immutable, so thread-safe. The pin can be lost (its TTL passed, the daemon revoked it): call
// CheckHeld after using bytes, and throw the result away unless it is OK. If the daemon died,
// nothing recycles the memory and the snapshot stays valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "local/page_lookup.h"
#include "stillframe/v1/snapshot.pb.h"
#include "store/slot.h"

namespace stillframe {

class PinnedSnapshot {
 public:
  // Releases the pin.
  virtual ~PinnedSnapshot() = default;

  // With registers and memory map.
  virtual const v1::Snapshot& metadata() const = 0;

  std::uint64_t page_count() const { return slots().size(); }

  // One slot per guest frame. Equal slots at one frame of two generations of an epoch: the page
  // did not change.
  virtual std::span<const Slot> slots() const = 0;

  // What the guest's page tables call each guest frame, kNoMachineFrame where there is none: one
  // per page, or none at all when they name guest frames. Good even when the pin was lost. The
  // guest's own values: any may be wrong.
  virtual std::span<const std::uint64_t> machine_frames() const = 0;

  // A maximal run of pages in one state, and for present pages contiguous in memory.
  struct Run {
    GfnRange range;
    PageState state = PageState::kPresent;
    const std::byte* bytes = nullptr;  // present: range.bytes() of them
  };

  // The run that begins at `gfn` and ends no later than `end`. gfn < end <= page_count().
  virtual Run RunAt(Gfn gfn, Gfn end) const = 0;

  // For reads of single pages in great numbers.
  virtual PageLookup lookup() const = 0;

  // Copies bytes from a guest-physical address. Zero pages read as zeros. Stops before the first
  // absent page: `copied` bytes are good, `state` says what that page is (else kPresent).
  // OUT_OF_RANGE with reason RANGE_PAST_END. The result includes the check that the pin held.
  struct ReadResult {
    std::size_t copied = 0;
    PageState state = PageState::kPresent;
  };
  virtual absl::StatusOr<ReadResult> Read(std::uint64_t address,
                                          std::span<std::byte> destination) const = 0;

  // ABORTED with reason READ_LOST_PIN when what was read since the pin may be wrong.
  virtual absl::Status CheckHeld() const = 0;
};

// The status that the API reports for a page state.
v1::PageStatus StatusOf(PageState state);

}  // namespace stillframe
