// How fast a snapshot's memory is read: mapped, beside an ordinary mapping and a file of the same
// bytes, and through gRPC; and how soon a generation is in a reader's hands.
#include "base/status.h"
#include "bench/mapped/tables.h"
#include "bench/server/bench_server.h"
#include "bench/support/bench_main.h"
#include "bench/support/targets.h"

namespace stillframe::bench {
namespace {

absl::Status Run(Effort effort, Report& report) {
  const std::uint64_t mib = effort == Effort::kFull ? 2048 : 512;
  SF_ASSIGN_OR_RETURN(const auto server, BenchServer::Start(mib));
  Targets targets;
  SF_RETURN_IF_ERROR(MeasureMapped(*server, effort, report, targets));
  SF_RETURN_IF_ERROR(MeasureHandOver(*server, effort, report, targets));
  SF_RETURN_IF_ERROR(MeasureRemote(*server, mib << 20, effort, report));
  report.Add(targets.Judged());
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "read", stillframe::bench::Run);
}
