// From the changes between generations that follow each other to the changes in longer times: what
// changed in any of 1, 2, 4... generations in a row.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "base/units.h"
#include "plan/change_curve.h"

namespace stillframe::cli {

class ChangeWindows {
 public:
  // The next generation, `seconds` after the one before it. `changed`: ascending, disjoint.
  void Add(double seconds, const std::vector<GfnRange>& changed);

  // A generation was not seen: what comes next follows nothing.
  void Break();

  const std::vector<ChangeSample>& samples() const { return samples_; }

 private:
  struct Window {
    std::size_t generations = 0;
    double seconds = 0;
    std::vector<GfnRange> changed;
  };

  std::array<Window, 7> windows_;  // the i-th is told of after 2^i generations, and begins anew
  std::vector<ChangeSample> samples_;
};

// The pages of either: both, and the result, ascending and disjoint.
std::vector<GfnRange> Union(const std::vector<GfnRange>& a, const std::vector<GfnRange>& b);

}  // namespace stillframe::cli
