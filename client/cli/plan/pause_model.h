// How long a guest is paused for so many pages: a fixed part and one for each page.
#pragma once

#include <span>

namespace stillframe::cli {

struct PauseSample {
  double pages = 0;    // copied in the pause
  double seconds = 0;  // how long it was
};

class PauseModel {
 public:
  // The line through the samples; neither part is less than 0. `samples` must not be empty.
  static PauseModel Fit(std::span<const PauseSample> samples);

  double SecondsFor(double pages) const { return fixed_ + per_page_ * pages; }

  // Nine of ten pauses were no longer than this many times what SecondsFor says; at least 1.
  double spread() const { return spread_; }

 private:
  double fixed_ = 0;
  double per_page_ = 0;
  double spread_ = 1;
};

}  // namespace stillframe::cli
