// Finds which frame numbers of a PVH or HVM guest have memory, asking Xen about as few as it can:
// such a guest's frame space is mostly holes, and each question costs.
//
// Owned by one thread. Used while the guest runs, never in a pause.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "guest/page_bitmap.h"

namespace stillframe {

// Replaces each of at most 1024 frame numbers by its type, in the top four bits of the low 32
// (xc_get_pfn_type_batch).
using TypeSource = std::function<absl::Status(std::span<std::uint64_t>)>;

class GfnProbe {
 public:
  explicit GfnProbe(TypeSource types) : types_(std::move(types)) {}

  // Every frame below `gfns` that has memory. Looks where memory was before, then below 4 GiB
  // where toolstacks put the special pages, then everywhere else, until `allocated` pages (those
  // that Xen counts for the domain) are found. `mapped`: frames that this process has mapped, and
  // that Xen therefore counts even when the guest gave them away.
  absl::StatusOr<PageBitmap> FindPresent(std::uint64_t gfns, std::uint64_t allocated,
                                         const PageBitmap& mapped);

  // Whether every frame of `expected` inside `within` still has memory.
  absl::StatusOr<bool> AllPresent(const PageBitmap& expected, GfnRange within);

  // Frames that ever were found.
  const PageBitmap& known() const { return known_; }

 private:
  absl::Status Scan(const PageBitmap& which, GfnRange within, PageBitmap& present);

  const TypeSource types_;
  PageBitmap known_;
  std::uint64_t unnumbered_ = 0;  // allocated pages that a search of all frames did not find
};

}  // namespace stillframe
