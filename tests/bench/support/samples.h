// What repeated measurements of one thing gave.
//
// Values; thread-compatible.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace stillframe::bench {

class Samples {
 public:
  void Add(double value) { values_.push_back(value); }

  const std::vector<double>& values() const { return values_; }
  double Median() const { return Quantile(0.5); }
  double Max() const { return Quantile(1); }

  // The value that `share` of all are not above; 0 without any.
  double Quantile(double share) const {
    if (values_.empty()) return 0;
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const double at = share * static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(at + 0.5)];
  }

 private:
  std::vector<double> values_;
};

// The median of the ratios of measurements that were made next to each other: what the machine did
// to both falls out. Same number of samples required.
inline double MedianRatio(const Samples& of, const Samples& to) {
  Samples ratios;
  for (std::size_t i = 0; i < of.values().size(); ++i) {
    ratios.Add(of.values()[i] / to.values()[i]);
  }
  return ratios.Median();
}

}  // namespace stillframe::bench
