#include "guest/page_bitmap.h"

#include <algorithm>

namespace stillframe {
namespace {

// Applies `change(word, mask)` to every word that `range` touches.
template <typename Change>
void ForEachWord(std::span<std::uint64_t> words, GfnRange range, Change change) {
  std::uint64_t at = range.first.value;
  const std::uint64_t end = range.end().value;
  while (at < end) {
    const std::uint64_t bits = std::min<std::uint64_t>(64 - at % 64, end - at);
    const std::uint64_t ones = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    change(words[at / 64], ones << (at % 64));
    at += bits;
  }
}

}  // namespace

void PageBitmap::SetRange(GfnRange range) {
  ForEachWord(words_, range, [](std::uint64_t& word, std::uint64_t mask) { word |= mask; });
}

void PageBitmap::ClearRange(GfnRange range) {
  ForEachWord(words_, range, [](std::uint64_t& word, std::uint64_t mask) { word &= ~mask; });
}

void PageBitmap::ClearAll() { std::fill(words_.begin(), words_.end(), 0); }

std::uint64_t PageBitmap::Count() const {
  std::uint64_t count = 0;
  for (const std::uint64_t word : words_) count += static_cast<std::uint64_t>(std::popcount(word));
  return count;
}

void PageBitmap::Or(const PageBitmap& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void PageBitmap::And(const PageBitmap& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
}

void PageBitmap::AndNot(const PageBitmap& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
}

std::uint64_t PageBitmap::FindNext(std::uint64_t from, std::uint64_t end, bool value) const {
  const std::uint64_t flip = value ? 0 : ~std::uint64_t{0};
  std::uint64_t word_index = from / 64;
  std::uint64_t word = (words_[word_index] ^ flip) & (~std::uint64_t{0} << (from % 64));
  while (word == 0) {
    ++word_index;
    if (word_index * 64 >= end) return end;
    word = words_[word_index] ^ flip;
  }
  return std::min(end, word_index * 64 + static_cast<std::uint64_t>(std::countr_zero(word)));
}

}  // namespace stillframe
