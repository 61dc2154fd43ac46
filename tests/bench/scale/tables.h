// The three ways in which a daemon has to grow: guests, watchers, generations.
#pragma once

#include "absl/status/status.h"
#include "bench/support/bench_main.h"
#include "bench/support/report.h"
#include "bench/support/targets.h"

namespace stillframe::bench {

// 1, 8 and 64 simulated guests in one daemon.
absl::Status MeasureGuests(Effort effort, Report& report);

// 1, 100 and 1000 watchers of one guest.
absl::Status MeasureWatchers(Effort effort, Report& report);

// 10,000 generations, one after the other, of a guest that writes everywhere; and what it costs to
// keep one more.
absl::Status MeasureGenerations(Effort effort, Report& report, Targets& targets);

}  // namespace stillframe::bench
