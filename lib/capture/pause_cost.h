// What copying a page in the pause costs this guest, learned from its pauses.
//
// Owned by one thread.
#pragma once

#include <cstdint>

namespace stillframe {

class PauseCost {
 public:
  // A pause of `ns` copied `pages`. Short ones tell nothing about the copy.
  void Learn(std::uint64_t ns, std::uint64_t pages) {
    constexpr std::uint64_t kTellingPages = 64;
    if (pages < kTellingPages) return;
    page_ns_ = (3 * page_ns_ + static_cast<double>(ns) / static_cast<double>(pages)) / 4;
  }

  // How long the pause would be that copies `pages`.
  std::uint64_t ForecastNs(std::uint64_t pages) const {
    return static_cast<std::uint64_t>(page_ns_ * static_cast<double>(pages));
  }

 private:
  double page_ns_ = 400;  // scattered pages on a machine of 2026
};

}  // namespace stillframe
