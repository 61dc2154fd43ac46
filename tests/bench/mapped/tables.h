// What the benchmark of reads measures, on a server whose guest has two generations.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "bench/server/bench_server.h"
#include "bench/support/bench_main.h"
#include "bench/support/report.h"
#include "bench/support/targets.h"

namespace stillframe::bench {

// A mapped snapshot beside an ordinary mapping and a file of the same bytes.
absl::Status MeasureMapped(const BenchServer& server, Effort effort, Report& report,
                           Targets& targets);

// How soon a generation is in a reader's hands.
absl::Status MeasureHandOver(const BenchServer& server, Effort effort, Report& report,
                             Targets& targets);

// The same reads mapped and through gRPC.
absl::Status MeasureRemote(const BenchServer& server, std::uint64_t guest_bytes, Effort effort,
                           Report& report);

}  // namespace stillframe::bench
