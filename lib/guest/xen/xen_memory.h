// The memory of one domain as it was mapped at one time: which frames there are, and where they
// lie in this process.
//
// Immutable. As long as it lives the pages stay allocated (foreign_pages.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/guest.h"
#include "guest/machine_to_guest.h"
#include "guest/memory_map.h"
#include "guest/page_bitmap.h"
#include "guest/xen/foreign_memory.h"
#include "guest/xen/foreign_pages.h"

namespace stillframe {

// Which frame numbers have memory, and what Xen calls each.
struct FrameTable {
  PageBitmap present;  // by frame number as the guest counts

  // PV: the machine frame of each; else null, they are the same.
  std::shared_ptr<const std::vector<std::uint64_t>> machine;

  // PV: the way back; else null.
  std::shared_ptr<const MachineToGuest> guest;

  std::uint64_t XenFrame(Gfn gfn) const { return machine ? (*machine)[gfn.value] : gfn.value; }

  // The guest's number for what Xen calls `frame`; none when it is not the guest's.
  std::optional<Gfn> GuestFrame(std::uint64_t frame) const {
    return guest ? guest->Find(frame) : std::optional(Gfn{frame});
  }
};

struct XenMemory {
  FrameTable frames;
  MemoryMap map;
  std::vector<MappedExtent> extents;
  std::vector<ForeignPages> mappings;

  // Maps every present frame. Frames that `known` has and `frames` lacks are ballooned out; those
  // that Xen refuses to map are unreadable.
  static absl::StatusOr<std::shared_ptr<const XenMemory>> Map(
      const std::shared_ptr<ForeignMemory>& foreign, FrameTable frames, const PageBitmap& known);
};

}  // namespace stillframe
