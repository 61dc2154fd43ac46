// Tells whether an image of the torn-page workload is of one instant.
//
// The workload stamps N pages in order, for ever: pass k writes head = k, then tail = k, into
// page 0, 1, 2... So at any instant the pages read k, ..., k, k-1, ..., k-1, and at most the one
// being stamped has a tail that lags. Pure; thread-safe. Page contents are hostile.
//
//   page: [0] magic, 16 bytes | [16] page index | [24] head | [32] | ... | [4088] tail  (u64, LE)
//
// Workloads that can, add up in [32] of page 0 for how many ns they stood still against their will.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"

namespace stillframe {

inline constexpr std::array<char, 16> kTornPageMagic = {
    'S', 'N', 'A', 'P', 'T', 'R', 'U', 'T', 'H', 'p', 'a', 'g', 'e', '\x01', '\x02', '\0'};
inline constexpr std::size_t kTornIndexOffset = 16;
inline constexpr std::size_t kTornHeadOffset = 24;
inline constexpr std::size_t kTornStallOffset = 32;
inline constexpr std::size_t kTornTailOffset = 4088;

// More pages than this (64 GiB) are refused.
inline constexpr std::uint64_t kTornPagesMax = std::uint64_t{1} << 24;

// Does the page carry the workload's mark?
bool IsStamped(std::span<const std::byte, kPageBytes> page);

struct TornVerdict {
  bool consistent = false;
  std::string reason;           // why not; empty when consistent
  std::uint64_t pages = 0;      // stamped pages found
  std::uint64_t sequence = 0;   // k: page 0's head
  std::uint64_t next_page = 0;  // the first page with head k-1; `pages` when there is none
};

// Gathers stamped pages in any order, then judges.
class TornPages {
 public:
  // Looks at one page of the image; the others' contents are no concern. OUT_OF_RANGE: more pages
  // than kTornPagesMax claim to be stamped.
  absl::Status Add(std::span<const std::byte, kPageBytes> page);

  // `expected` is how many pages the workload stamps; 0: as many as were found.
  TornVerdict Judge(std::uint64_t expected = 0) const;

 private:
  struct Stamp {
    std::uint64_t index, head, tail;
  };
  std::vector<Stamp> stamps_;
};

// Calls its argument with every page of the image that may be stamped.
using PageVisitor = std::function<absl::Status(std::span<const std::byte, kPageBytes>)>;
using PageSource = std::function<absl::Status(const PageVisitor&)>;

// Add for each page of `source`, then Judge.
absl::StatusOr<TornVerdict> CheckTornPages(const PageSource& source, std::uint64_t expected = 0);

}  // namespace stillframe
