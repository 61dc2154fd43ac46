// What many guests, many watchers and many generations cost: time and memory.
#include "base/status.h"
#include "bench/scale/tables.h"
#include "bench/support/bench_main.h"
#include "bench/support/targets.h"

namespace stillframe::bench {
namespace {

absl::Status Run(Effort effort, Report& report) {
  Targets targets;
  SF_RETURN_IF_ERROR(MeasureGenerations(effort, report, targets));
  SF_RETURN_IF_ERROR(MeasureWatchers(effort, report));
  SF_RETURN_IF_ERROR(MeasureGuests(effort, report));
  report.Add(targets.Judged());
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "scale", stillframe::bench::Run);
}
