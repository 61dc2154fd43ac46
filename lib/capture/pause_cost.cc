#include "capture/pause_cost.h"

#include <algorithm>
#include <cmath>

namespace stillframe {
namespace {

// Pauses that copied about the same tell nothing about the price of a page: so many pages take
// longer to copy (0.4 ms) than usual pauses differ by.
constexpr double kPagesApartMin = 1024;

// Some numbers, no more than an array holds, and the lower one of their medians: of two opinions
// the cheaper one, because pauses are too long by accident and never too short.
template <std::size_t kMax>
class Votes {
 public:
  void Add(double vote) { votes_[count_++] = vote; }
  bool empty() const { return count_ == 0; }
  double Median() {
    const auto middle = votes_.begin() + static_cast<std::ptrdiff_t>((count_ - 1) / 2);
    std::nth_element(votes_.begin(), middle, votes_.begin() + static_cast<std::ptrdiff_t>(count_));
    return *middle;
  }

 private:
  std::array<double, kMax> votes_;
  std::size_t count_ = 0;
};

}  // namespace

// What is believed counts as three pauses, so that it takes more than one to know better.
PauseCost::PauseCost(std::uint64_t fixed_ns, std::uint64_t page_ns)
    : fixed_ns_(static_cast<double>(fixed_ns)), page_ns_(static_cast<double>(page_ns)) {
  for (const double pages : {0.0, 16384.0, 65536.0}) {
    pauses_[remembered_++] = {pages, fixed_ns_ + page_ns_ * pages};
  }
}

void PauseCost::Learn(std::uint64_t ns, std::uint64_t pages) {
  Pause& kept = remembered_ < kRemembered ? pauses_[remembered_++] : pauses_[oldest_];
  if (&kept == &pauses_[oldest_]) oldest_ = (oldest_ + 1) % kRemembered;
  kept = {static_cast<double>(pages), static_cast<double>(ns)};
  FitPageCost();
  FitFixedCost();
}

// The repeated median (Siegel, Biometrika 1982): of each pause's median slope to the others, the
// median. It stands up to almost half of the pauses being wrong.
void PauseCost::FitPageCost() {
  Votes<kRemembered> page_ns;
  for (std::size_t i = 0; i < remembered_; ++i) {
    Votes<kRemembered> slopes;
    for (std::size_t k = 0; k < remembered_; ++k) {
      const double apart = pauses_[k].pages - pauses_[i].pages;
      if (std::abs(apart) >= kPagesApartMin) slopes.Add((pauses_[k].ns - pauses_[i].ns) / apart);
    }
    if (!slopes.empty()) page_ns.Add(slopes.Median());
  }
  if (!page_ns.empty()) page_ns_ = std::max(page_ns.Median(), 0.0);
}

void PauseCost::FitFixedCost() {
  Votes<kRemembered> fixed_ns;
  for (std::size_t i = 0; i < remembered_; ++i) {
    fixed_ns.Add(pauses_[i].ns - page_ns_ * pauses_[i].pages);
  }
  fixed_ns_ = fixed_ns.Median();
  if (fixed_ns_ >= 0) return;
  // Pages are cheaper than was believed.
  fixed_ns_ = 0;
  Votes<kRemembered> page_ns;
  for (std::size_t i = 0; i < remembered_; ++i) {
    if (pauses_[i].pages > 0) page_ns.Add(pauses_[i].ns / pauses_[i].pages);
  }
  if (!page_ns.empty()) page_ns_ = page_ns.Median();
}

}  // namespace stillframe
