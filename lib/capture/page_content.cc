#include "capture/page_content.h"

#include <cstring>

#include "base/units.h"

namespace stillframe {

// glibc's memcmp uses the widest vectors that the processor has.
bool SamePage(const std::byte* a, const std::byte* b) { return std::memcmp(a, b, kPageBytes) == 0; }

bool IsZeroPage(const std::byte* page) {
  static constexpr std::byte kZeros[64] = {};
  return std::memcmp(page, kZeros, sizeof kZeros) == 0 &&
         std::memcmp(page, page + sizeof kZeros, kPageBytes - sizeof kZeros) == 0;
}

}  // namespace stillframe
