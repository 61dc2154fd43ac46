#include "capture/page_content.h"

#include <cstring>

#include "base/units.h"

namespace stillframe {

// glibc's memcmp uses the widest vectors there are; written out with intrinsics it was no faster.
bool SamePage(const std::byte* a, const std::byte* b) { return std::memcmp(a, b, kPageBytes) == 0; }

bool IsZeroPage(const std::byte* page) {
  static constexpr std::byte kZeros[64] = {};
  return std::memcmp(page, kZeros, sizeof kZeros) == 0 &&
         std::memcmp(page, page + sizeof kZeros, kPageBytes - sizeof kZeros) == 0;
}

void PrefetchPage(const std::byte* page) {
  // By then the hardware has seen the pattern.
  constexpr std::size_t kPrefetchBytes = 1024;
  for (std::size_t at = 0; at < kPrefetchBytes; at += 64) __builtin_prefetch(page + at);
}

}  // namespace stillframe
