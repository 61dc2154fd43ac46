#include "bench/support/bench_main.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/status.h"

namespace stillframe::bench {

int Main(int argc, char** argv, const char* name, Measure measure) {
  CLI::App app(fmt::format("Benchmark {}: prints medians and ratios of interleaved runs.", name));
  bool json = false;
  bool full = false;
  app.add_flag("--json", json, "Print JSON instead of tables");
  app.add_flag("--full", full, "Take longer: larger guests, more rounds");
  CLI11_PARSE(app, argc, argv);
  Report report(name);
  const absl::Status status = measure(full ? Effort::kFull : Effort::kShort, report);
  if (!status.ok()) {
    fmt::print(stderr, "bench {}: {}\n", name, MessageOf(status));
    return 1;
  }
  fmt::print("{}", json ? report.Json() : report.Text());
  return 0;
}

}  // namespace stillframe::bench
