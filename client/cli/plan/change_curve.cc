#include "plan/change_curve.h"

#include <algorithm>
#include <cmath>

#include "plan/line_fit.h"

namespace stillframe::cli {

ChangeCurve ChangeCurve::Fit(std::span<const ChangeSample> samples, double pages_max) {
  std::vector<Point> points;
  for (const ChangeSample& sample : samples) {
    // Half a page stands for none, which has no logarithm.
    if (sample.seconds > 0) {
      points.push_back({std::log(sample.seconds), std::log(std::max(sample.pages, 0.5))});
    }
  }
  ChangeCurve curve;
  curve.pages_max_ = pages_max;
  if (points.empty()) return curve;
  const Line line = FitLine(points);
  curve.exponent_ = line.slope ? std::clamp(*line.slope, 0.0, 1.0) : 1.0;
  curve.factor_ = std::exp(line.mean.y - curve.exponent_ * line.mean.x);
  return curve;
}

double ChangeCurve::PagesIn(double seconds) const {
  return std::min(factor_ * std::pow(seconds, exponent_), pages_max_);
}

}  // namespace stillframe::cli
