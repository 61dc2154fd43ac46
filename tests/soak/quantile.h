// Pure; thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace stillframe::soak {

// The value that `share` of all are not above; 0 without any.
inline double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

}  // namespace stillframe::soak
