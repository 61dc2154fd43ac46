// The command line that all benchmarks share.
//
// `return Main(argc, argv, "copy", Run);` is a benchmark's main.
#pragma once

#include "absl/status/status.h"
#include "bench/support/report.h"

namespace stillframe::bench {

// How long a benchmark may take: kShort for a whole round of all, kFull for trustworthy tails.
enum class Effort { kShort, kFull };

// Adds its tables to the report; an error ends the program with a line and exit code 1.
using Measure = absl::Status (*)(Effort effort, Report& report);

int Main(int argc, char** argv, const char* name, Measure measure);

}  // namespace stillframe::bench
