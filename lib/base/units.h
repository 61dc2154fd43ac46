// The strong types of guest memory and of snapshot history.
//
// Values; trivially copyable. Addresses are guest-physical unless said otherwise.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace stillframe {

inline constexpr unsigned kPageShift = 12;
inline constexpr std::size_t kPageBytes = std::size_t{1} << kPageShift;

// A guest with more pages (16 TiB) is refused at the edge: page maps hold 32-bit slots.
inline constexpr std::uint64_t kGuestPagesMax = std::uint64_t{1} << 32;

// Stands in a table of machine frames where a guest frame has none.
inline constexpr std::uint64_t kNoMachineFrame = ~std::uint64_t{0};

// Guest frame number: guest-physical address divided by the page size.
struct Gfn {
  std::uint64_t value = 0;

  static constexpr Gfn OfAddress(std::uint64_t address) { return Gfn{address >> kPageShift}; }
  constexpr std::uint64_t address() const { return value << kPageShift; }
  constexpr Gfn operator+(std::uint64_t pages) const { return Gfn{value + pages}; }
  friend constexpr auto operator<=>(Gfn, Gfn) = default;
};

// A run of guest frames: [first, first + pages).
struct GfnRange {
  Gfn first;
  std::uint64_t pages = 0;

  constexpr Gfn end() const { return first + pages; }
  constexpr bool empty() const { return pages == 0; }
  constexpr bool Contains(Gfn gfn) const { return gfn >= first && gfn < end(); }
  constexpr std::uint64_t bytes() const { return pages << kPageShift; }
  friend constexpr bool operator==(const GfnRange&, const GfnRange&) = default;
};

// Position of a snapshot in its epoch: 1, 2, 3... Zero means "none".
struct Generation {
  std::uint64_t value = 0;

  constexpr Generation next() const { return Generation{value + 1}; }
  constexpr bool is_none() const { return value == 0; }
  friend constexpr auto operator<=>(Generation, Generation) = default;
};

}  // namespace stillframe
