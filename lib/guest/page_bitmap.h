// One bit per guest frame: dirty sets, residency.
//
// Thread-compatible. Nothing but the constructor and Resize allocates, so the pause window may
// use every other member.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "base/units.h"

namespace stillframe {

class PageBitmap {
 public:
  PageBitmap() = default;
  explicit PageBitmap(std::uint64_t pages) { Resize(pages); }

  // Keeps the bits that remain; new ones are clear.
  void Resize(std::uint64_t pages) {
    pages_ = pages;
    words_.resize((pages + 63) / 64);
    if (pages % 64 != 0) words_.back() &= (std::uint64_t{1} << (pages % 64)) - 1;
  }

  std::uint64_t size() const { return pages_; }

  // The bits, lowest frame first, 64 to a word; bits past size() must stay clear.
  std::span<std::uint64_t> words() { return words_; }
  std::span<const std::uint64_t> words() const { return words_; }

  bool Test(Gfn gfn) const { return (words_[gfn.value / 64] >> (gfn.value % 64) & 1) != 0; }
  void Set(Gfn gfn) { words_[gfn.value / 64] |= std::uint64_t{1} << (gfn.value % 64); }
  void Clear(Gfn gfn) { words_[gfn.value / 64] &= ~(std::uint64_t{1} << (gfn.value % 64)); }

  void SetRange(GfnRange range);
  void ClearRange(GfnRange range);
  void ClearAll();
  std::uint64_t Count() const;

  // Same size required.
  void Or(const PageBitmap& other);
  void And(const PageBitmap& other);
  void AndNot(const PageBitmap& other);

  // Calls `visit(GfnRange)` for each maximal run of set bits inside `within`, ascending.
  template <typename Visit>
  void ForEachRun(GfnRange within, Visit&& visit) const;

 private:
  // First frame at or after `from` and before `end` whose bit equals `value`, else `end`.
  std::uint64_t FindNext(std::uint64_t from, std::uint64_t end, bool value) const;

  std::uint64_t pages_ = 0;
  std::vector<std::uint64_t> words_;
};

template <typename Visit>
void PageBitmap::ForEachRun(GfnRange within, Visit&& visit) const {
  const std::uint64_t end = within.end().value < pages_ ? within.end().value : pages_;
  std::uint64_t at = within.first.value;
  while (at < end) {
    const std::uint64_t first = FindNext(at, end, true);
    if (first >= end) return;
    at = FindNext(first, end, false);
    visit(GfnRange{Gfn{first}, at - first});
  }
}

}  // namespace stillframe
