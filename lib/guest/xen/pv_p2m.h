// A PV guest's own table from frame number (pfn) to machine frame, as it publishes it for saving,
// in two forms (struct arch_shared_info in Xen's arch-x86/xen.h):
//
//   tree    pfn_to_mfn_frame_list_list -> frame of up to 512 machine frames, each -> frame of 512
//           machine frames, each -> frame of 512 entries of the table: at most 512 GiB
//   linear  p2m_vaddr in the address space of p2m_cr3, of any size
//
// Written by the guest: hostile. Xen maps nothing but the domain's own pages, whatever it says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"

namespace stillframe {

inline constexpr std::size_t kP2mEntries = 512;  // of a frame of the table, and of its lists

// Copies the domain's page at machine frame `mfn` out.
using MachinePageReader =
    std::function<absl::Status(std::uint64_t mfn, std::span<std::uint64_t, kP2mEntries>)>;

struct P2mAnchor {
  std::uint64_t frame_list_list = 0;
  std::uint64_t pfns = 0;  // shared_info.arch.max_pfn
  std::uint64_t cr3 = 0;   // 0: there is no linear form
  std::uint64_t vaddr = 0;

  friend bool operator==(const P2mAnchor&, const P2mAnchor&) = default;
};

// The machine frames that hold the table, in order: by the tree where it reaches, else by the
// linear form. UNAVAILABLE: the guest has not set it up yet. FAILED_PRECONDITION: the anchor is
// impossible, or promises more than `pfns_max` entries.
absl::StatusOr<std::vector<std::uint64_t>> FindP2mPages(const P2mAnchor& anchor,
                                                        std::uint64_t pfns_max,
                                                        const MachinePageReader& read);

// By the linear form alone; the same errors.
absl::StatusOr<std::vector<std::uint64_t>> FindLinearP2mPages(const P2mAnchor& anchor,
                                                              std::uint64_t pfns_max,
                                                              const MachinePageReader& read);

// An entry of the table: the machine frame, or kNoMachineFrame when the guest owns none there.
constexpr std::uint64_t MachineFrameOf(std::uint64_t entry) {
  // Bit 63 marks another domain's page, bit 62 an identity mapping of a device; all ones, nothing.
  return entry >> 62 != 0 ? kNoMachineFrame : entry;
}

}  // namespace stillframe
