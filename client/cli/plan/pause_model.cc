#include "plan/pause_model.h"

#include <algorithm>

#include "plan/line_fit.h"

namespace stillframe::cli {

PauseModel PauseModel::Fit(std::span<const PauseSample> samples) {
  std::vector<Point> points;
  for (const PauseSample& sample : samples) points.push_back({sample.pages, sample.seconds});
  const Line line = FitLine(points);
  PauseModel model;
  model.per_page_ = std::max(line.slope.value_or(0), 0.0);
  model.fixed_ = line.mean.y - model.per_page_ * line.mean.x;
  if (model.fixed_ < 0) {
    model.fixed_ = 0;
    model.per_page_ = line.mean.y / line.mean.x;
  }
  std::vector<double> ratios;
  for (const PauseSample& sample : samples) {
    const double expected = model.SecondsFor(sample.pages);
    if (expected > 0) ratios.push_back(sample.seconds / expected);
  }
  std::sort(ratios.begin(), ratios.end());
  if (!ratios.empty()) model.spread_ = std::max(1.0, ratios[(ratios.size() - 1) * 9 / 10]);
  return model;
}

}  // namespace stillframe::cli
