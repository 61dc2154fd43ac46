#include "bench/support/targets.h"

#include <fmt/format.h>

#include <utility>

namespace stillframe::bench {

void Targets::AtLeast(std::string what, double measured, double target) {
  figures_.push_back({std::move(what), measured, Bound::kAtLeast, target});
}

void Targets::AtMost(std::string what, double measured, double target) {
  figures_.push_back({std::move(what), measured, Bound::kAtMost, target});
}

Table Targets::Judged() const {
  Table table("Figures to reach", {"what", "measured", "target", "verdict"});
  for (const Figure& figure : figures_) {
    const bool at_least = figure.bound == Bound::kAtLeast;
    const bool met = at_least ? figure.measured >= figure.target : figure.measured <= figure.target;
    table.AddRow({figure.what, Number{figure.measured},
                  fmt::format("{} {:g}", at_least ? ">=" : "<=", figure.target),
                  std::string(met ? "met" : "NOT met")});
  }
  return table;
}

}  // namespace stillframe::bench
