// How many pages of a guest change in a time: more in a longer one, but less than in proportion,
// because programs write to the same pages again and again.
#pragma once

#include <span>

namespace stillframe::cli {

struct ChangeSample {
  double seconds = 0;  // the time watched
  double pages = 0;    // that differ between its ends
};

// pages = factor * seconds^exponent, never more than pages_max.
class ChangeCurve {
 public:
  // The line through the samples' logarithms, its slope kept within 0 and 1. Samples of one length
  // alone tell no slope: then in proportion, which is the most that longer times can bring. Of no
  // samples: no page changes.
  static ChangeCurve Fit(std::span<const ChangeSample> samples, double pages_max);

  double PagesIn(double seconds) const;

 private:
  double factor_ = 0;
  double exponent_ = 0;
  double pages_max_ = 0;
};

}  // namespace stillframe::cli
