// The straight line nearest to some points (least squares).
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace stillframe::cli {

struct Point {
  double x = 0;
  double y = 0;
};

struct Line {
  Point mean;                   // lies on it
  std::optional<double> slope;  // absent: all points have the same x
};

// `points` must not be empty.
inline Line FitLine(std::span<const Point> points) {
  Line line;
  for (const Point& point : points) {
    line.mean.x += point.x / static_cast<double>(points.size());
    line.mean.y += point.y / static_cast<double>(points.size());
  }
  double xx = 0;
  double xy = 0;
  for (const Point& point : points) {
    xx += (point.x - line.mean.x) * (point.x - line.mean.x);
    xy += (point.x - line.mean.x) * (point.y - line.mean.y);
  }
  if (xx > 0) line.slope = xy / xx;
  return line;
}

}  // namespace stillframe::cli
