// What a guest's pauses cost: a fixed part, and one for each page that is copied in them.
//
// Owned by one thread. Learned from the last few pauses, by medians: as long as most of them were
// as usual, the others (a stolen processor, a host that swaps) have no say at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stillframe {

class PauseCost {
 public:
  // What is believed before pauses tell better: scattered pages on a machine of 2026.
  PauseCost() : PauseCost(300'000, 400) {}
  PauseCost(std::uint64_t fixed_ns, std::uint64_t page_ns);

  // A pause of `ns` copied `pages`.
  void Learn(std::uint64_t ns, std::uint64_t pages);

  // How long the pause would be that copies `pages`.
  std::uint64_t ForecastNs(std::uint64_t pages) const {
    return static_cast<std::uint64_t>(fixed_ns_ + page_ns_ * static_cast<double>(pages));
  }

 private:
  // Four pauses of a new kind, one more than half, are believed.
  static constexpr std::size_t kRemembered = 7;

  struct Pause {
    double pages = 0;
    double ns = 0;
  };

  void FitPageCost();
  void FitFixedCost();

  std::array<Pause, kRemembered> pauses_;
  std::size_t remembered_ = 0;
  std::size_t oldest_ = 0;
  double fixed_ns_ = 0;
  double page_ns_ = 0;
};

}  // namespace stillframe
