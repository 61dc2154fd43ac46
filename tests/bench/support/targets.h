// The figures that a benchmark is held to: its last table says which it met.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/support/report.h"

namespace stillframe::bench {

class Targets {
 public:
  void AtLeast(std::string what, double measured, double target);
  void AtMost(std::string what, double measured, double target);

  Table Judged() const;

 private:
  enum class Bound : std::uint8_t { kAtLeast, kAtMost };
  struct Figure {
    std::string what;
    double measured = 0;
    Bound bound = Bound::kAtLeast;
    double target = 0;
  };

  std::vector<Figure> figures_;
};

}  // namespace stillframe::bench
