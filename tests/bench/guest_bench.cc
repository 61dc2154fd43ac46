// What a guest feels: the work it gets done while it is captured, and what pre-copy makes of its
// pauses.
#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/status.h"
#include "bench/support/bench_main.h"
#include "bench/support/bench_sim.h"
#include "bench/support/samples.h"

namespace stillframe::bench {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

std::uint64_t WorkOf(const BenchSim& sim) {
  std::uint64_t work = 0;
  for (const auto& steps : sim.process().status().work) work += steps.load();
  return work;
}

// Long enough for one capture at the longest period.
constexpr Milliseconds kSlice{1500};

struct Slice {
  double work_per_s = 0;
  double paused_percent = 0;
  Samples pages;
};

// Lets the guest work for `length`, captured every `period` (zero: never).
absl::StatusOr<Slice> RunSlice(BenchSim& sim, Milliseconds length, Milliseconds period) {
  Slice slice;
  const auto begin = Steady::now();
  const std::uint64_t work_before = WorkOf(sim);
  std::uint64_t paused_ns = 0;
  for (auto due = begin + period; period.count() > 0 && due < begin + length; due += period) {
    std::this_thread::sleep_until(due);
    SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, sim.Capture());
    paused_ns += snapshot->metadata.pause_end_ns - snapshot->metadata.pause_begin_ns;
    slice.pages.Add(static_cast<double>(snapshot->metadata.pages_changed));
  }
  std::this_thread::sleep_until(begin + length);
  const double seconds = std::chrono::duration<double>(Steady::now() - begin).count();
  slice.work_per_s = static_cast<double>(WorkOf(sim) - work_before) / seconds;
  slice.paused_percent = static_cast<double>(paused_ns) * 1e-7 / seconds;
  return slice;
}

absl::Status MeasureSlowdown(Effort effort, Report& report) {
  const int rounds = effort == Effort::kFull ? 15 : 3;
  const std::vector<Milliseconds> periods = {Milliseconds{0}, Milliseconds{1000}, Milliseconds{100},
                                             Milliseconds{25}};
  Table table("Work that a guest of 1 GiB gets done, drift over 1 % of its memory",
              {"captures", "pause budget", "changed pages", "paused %", "of its work uncaptured"});
  for (const std::uint64_t budget_ms : {0, 1}) {
    BenchSimOptions options;
    options.workload = {"--workload", "drift", "--window-pages", "20971"};
    options.resident_mib = 82;
    options.policy.generations_max = 4;
    options.policy.pause_budget_ms = budget_ms;
    SF_ASSIGN_OR_RETURN(const auto sim, BenchSim::Start(options));
    SF_RETURN_IF_ERROR(sim->Capture().status());
    std::vector<Samples> work(periods.size()), paused(periods.size()), pages(periods.size());
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < periods.size(); ++i) {
        SF_ASSIGN_OR_RETURN(const Slice slice, RunSlice(*sim, kSlice, periods[i]));
        work[i].Add(slice.work_per_s);
        paused[i].Add(slice.paused_percent);
        pages[i].Add(slice.pages.Median());
      }
    }
    for (std::size_t i = 1; i < periods.size(); ++i) {
      table.AddRow({fmt::format("every {} ms", periods[i].count()),
                    budget_ms == 0 ? std::string("no pre-copy") : fmt::format("{} ms", budget_ms),
                    Number{pages[i].Median(), 0}, Number{paused[i].Median()},
                    Number{MedianRatio(work[i], work[0])}});
    }
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

absl::Status MeasurePrecopy(Effort effort, Report& report) {
  const std::uint64_t ram_mib = effort == Effort::kFull ? 2048 : 1024;
  const int captures = effort == Effort::kFull ? 60 : 12;
  const std::uint64_t pages = ram_mib * 256;
  const std::vector<std::uint64_t> budgets_ms = {0, 1};
  std::vector<std::unique_ptr<BenchSim>> sims;
  for (const std::uint64_t budget_ms : budgets_ms) {
    BenchSimOptions options;
    options.ram_mib = ram_mib;
    options.workload = {"--workload",
                        "random",
                        "--window-pages",
                        std::to_string(pages),
                        "--dirty-pages-per-second",
                        std::to_string(pages / 20)};
    options.policy.generations_max = 4;
    options.policy.pause_budget_ms = budget_ms;
    SF_ASSIGN_OR_RETURN(auto sim, BenchSim::Start(options));
    SF_RETURN_IF_ERROR(sim->Capture().status());
    sims.push_back(std::move(sim));
  }
  std::vector<Samples> pause_us(sims.size()), copied(sims.size()), precopied(sims.size());
  const Milliseconds step{1000 / sims.size()};
  auto due = Steady::now() + step;
  for (int round = 0; round < captures; ++round) {
    for (std::size_t i = 0; i < sims.size(); ++i, due += step) {
      std::this_thread::sleep_until(due);
      SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, sims[i]->Capture());
      const SnapshotMetadata& metadata = snapshot->metadata;
      pause_us[i].Add(static_cast<double>(metadata.pause_end_ns - metadata.pause_begin_ns) * 1e-3);
      copied[i].Add(static_cast<double>(metadata.pages_copied));
      precopied[i].Add(static_cast<double>(metadata.precopy_pages));
    }
  }
  Table table(fmt::format("Pauses at a steady 5 % dirty pages per second, {} MiB, captured every "
                          "second",
                          ram_mib),
              {"pause budget", "p50 us", "max us", "copied in it", "copied before", "of plain"});
  for (std::size_t i = 0; i < sims.size(); ++i) {
    table.AddRow({i == 0 ? std::string("no pre-copy") : fmt::format("{} ms", budgets_ms[i]),
                  Number{pause_us[i].Median(), 0}, Number{pause_us[i].Max(), 0},
                  Number{copied[i].Median(), 0}, Number{precopied[i].Median(), 0},
                  Number{MedianRatio(pause_us[i], pause_us[0])}});
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

absl::Status Run(Effort effort, Report& report) {
  SF_RETURN_IF_ERROR(MeasurePrecopy(effort, report));
  return MeasureSlowdown(effort, report);
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "guest", stillframe::bench::Run);
}
