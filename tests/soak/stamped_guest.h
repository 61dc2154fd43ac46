// The guests of a soak, and what must be in every byte of their snapshots.
//
// vCPU 0 stamps a window of pages in order (introspect/torn_pages.h); its registers say how far it
// is, so that each page can be judged by itself, to the last byte. Functions; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/units.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe::soak {

inline constexpr std::uint64_t kRamMib = 16;
inline constexpr std::uint64_t kRamPages = kRamMib << (20 - kPageShift);
inline constexpr GfnRange kWindow{Gfn{256}, 1024};  // what the workload stamps
inline constexpr GfnRange kBalloon{Gfn{3000}, 64};  // what may be ballooned out

// Arguments of stillframe-simguest.
std::vector<std::string> GuestArguments(std::uint64_t seed);

// What a page of the window must read in a snapshot with these registers.
struct Stamp {
  std::uint64_t head = 0;  // and tail
};
// INTERNAL: the registers make no sense.
absl::StatusOr<Stamp> StampOf(const v1::Snapshot& metadata, Gfn gfn);

// Judges pages as they are read. INTERNAL names the first that is wrong.
absl::Status JudgeRun(const v1::Snapshot& metadata, const PageRun& run);

// Judges one page that has bytes.
absl::Status JudgePage(const v1::Snapshot& metadata, Gfn gfn,
                       std::span<const std::byte, kPageBytes> page);

}  // namespace stillframe::soak
