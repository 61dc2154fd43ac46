// In which order memory is read. Each pattern returns a digest of what it read, which is equal for
// all memories of equal content.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/units.h"
#include "bench/readers/small_reads.h"

namespace stillframe::bench {

inline std::uint64_t SumOf(std::span<const std::byte> bytes) {
  constexpr std::size_t kLanes = 8;
  std::array<std::uint64_t, kLanes> sums{};
  for (std::size_t at = 0; at + sizeof sums <= bytes.size(); at += sizeof sums) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    for (std::size_t i = 0; i < kLanes; ++i) sums[i] += words[i];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : sums) sum += lane;
  return sum;
}

template <typename Memory>
std::uint64_t WordsInOrder(const Memory& memory, std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) sum += memory.Word(i * sizeof sum);
  return sum;
}

// No read waits for the one before it.
template <typename Memory>
std::uint64_t WordsAtRandom(const Memory& memory, RandomPages pages, std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) sum += memory.Word(pages.Next() + i % 64 * 64);
  return sum;
}

template <typename Memory>
std::uint64_t PagesInOrder(const Memory& memory, std::uint64_t count) {
  std::array<std::byte, kPageBytes> page;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    memory.Copy(i << kPageShift, page);
    sum += std::to_integer<std::uint64_t>(page[i % kPageBytes]);
  }
  return sum;
}

template <typename Memory>
std::uint64_t PagesAtRandom(const Memory& memory, RandomPages pages, std::uint64_t count) {
  std::array<std::byte, kPageBytes> page;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    memory.Copy(pages.Next(), page);
    sum += std::to_integer<std::uint64_t>(page[i % kPageBytes]);
  }
  return sum;
}

// Each read says where the next one goes: what a monitor does that follows a list.
template <typename Memory>
std::uint64_t Chase(const Memory& memory, std::uint64_t address, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) address = memory.Word(address);
  return address;
}

}  // namespace stillframe::bench
