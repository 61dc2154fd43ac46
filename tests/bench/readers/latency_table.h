// How long a small read over a connection takes, beside a ping-pong on a raw socket, and how many
// pages a second come in batches.
#pragma once

#include "absl/status/status.h"
#include "bench/server/bench_server.h"
#include "bench/support/bench_main.h"
#include "bench/support/report.h"
#include "bench/support/targets.h"

namespace stillframe::bench {

// The server's guest has `guest_bytes`.
absl::Status MeasureLatencies(const BenchServer& server, std::uint64_t guest_bytes, Effort effort,
                              Report& report, Targets& targets);

}  // namespace stillframe::bench
