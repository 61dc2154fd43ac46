// Finds the guest frame behind a machine frame, as it takes to walk the page tables of a guest
// whose CR3 and page-table entries name machine frames (Xen PV).
//
// Immutable after creation, so thread-safe. The table is the guest's own and so hostile: what no
// page table can name is left out, and of several frames that claim one machine frame (their bytes
// came from one place) the first is found. Takes 16 bytes per page that has a machine frame.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/units.h"

namespace stillframe {

// Page-table entries have 52 bits of address (Intel SDM vol. 3, 4.5; AMD APM vol. 2, 5.3).
inline constexpr std::uint64_t kMachineFramesMax = std::uint64_t{1} << (52 - kPageShift);

class MachineToGuest {
 public:
  // `machine_frames` by guest frame, kNoMachineFrame where there is none.
  explicit MachineToGuest(std::span<const std::uint64_t> machine_frames);

  // nullopt: none of the guest's frames is there; the page belongs to Xen or another guest.
  std::optional<Gfn> Find(std::uint64_t machine_frame) const;

 private:
  struct Entry {
    std::uint64_t machine_frame = 0;
    Gfn gfn;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };

  std::vector<Entry> entries_;  // ascending
};

}  // namespace stillframe
