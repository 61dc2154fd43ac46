// stillframe-fault-campaign: breaks what can break, one thing after the other, and judges.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/status.h"
#include "faults/call_sweep.h"
#include "faults/limit_faults.h"
#include "faults/process_faults.h"
#include "faults/tally.h"
#include "faults/ward.h"

int main(int argc, char** argv) {
  using namespace stillframe::faults;
  std::vector<std::string> parts;
  CLI::App app("Injects faults into Stillframe over simulated guests and judges what is left.");
  app.add_option("part", parts, "What to run: calls, processes, limits; default: all")
      ->check(CLI::IsMember({"calls", "processes", "limits"}));
  CLI11_PARSE(app, argc, argv);
  if (parts.empty()) parts = {"calls", "processes", "limits"};

  Tally tally;
  for (const std::string& part : parts) {
    const auto begin = std::chrono::steady_clock::now();
    if (part == "calls") {
      SweepCalls(tally);
    } else {
      const auto ward = Ward::Open(tally);
      if (!ward.ok()) {
        tally.AddOther("start: " + stillframe::MessageOf(ward.status()));
        continue;
      }
      if (part == "processes") SweepProcesses(**ward);
      if (part == "limits") SweepLimits(**ward);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print("{}: {:.1f} s\n", part, took.count());
    std::fflush(stdout);
  }
  fmt::print("{}", tally.Table());
  return tally.passed() ? EXIT_SUCCESS : EXIT_FAILURE;
}
