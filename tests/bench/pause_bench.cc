// How long simulated guests stand still, and what for: against their size, and against what is
// dirty, all of it copied in the pause.
#include <fmt/format.h>

#include <vector>

#include "base/status.h"
#include "bench/support/bench_main.h"
#include "bench/support/bench_sim.h"
#include "bench/support/dirty_pattern.h"
#include "bench/support/samples.h"

namespace stillframe::bench {
namespace {

struct Pauses {
  Samples pause_us, outside_us, copy_us, registers_us, dirty_us, pages;
  std::uint64_t faults = 0;
  std::uint64_t allocations = 0;
};

absl::Status CaptureOnce(BenchSim& sim, const PageBitmap& dirty, Pauses& pauses) {
  sim.LogDirty(dirty);
  SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, sim.Capture());
  const SnapshotMetadata& metadata = snapshot->metadata;
  const WindowProbe::Times& times = sim.probe().times();
  const double pause_us =
      static_cast<double>(metadata.pause_end_ns - metadata.pause_begin_ns) * 1e-3;
  pauses.pause_us.Add(pause_us);
  pauses.copy_us.Add(times.copy_us);
  pauses.outside_us.Add(pause_us - times.copy_us);
  pauses.registers_us.Add(times.registers_us);
  pauses.dirty_us.Add(times.dirty_us);
  pauses.pages.Add(static_cast<double>(metadata.pages_copied));
  pauses.faults += metadata.window_page_faults;
  pauses.allocations += times.allocations;
  return absl::OkStatus();
}

PageBitmap DirtyPages(const BenchSim& sim, std::uint64_t count) {
  PageBitmap dirty(sim.pages());
  MarkDirty(dirty, sim.resident(), count, Pattern::kRandom, count + 1);
  return dirty;
}

absl::Status MeasureShares(Effort effort, Report& report) {
  std::vector<std::uint64_t> sizes_mib = {256, 1024, 2048};
  if (effort == Effort::kFull) sizes_mib.push_back(4096);
  const int rounds = effort == Effort::kFull ? 400 : 60;
  Table table("Pauses of a simulated guest, random dirty pages",
              {"guest", "dirty", "pages", "p50 ms", "p99 ms", "max ms", "outside the copy us",
               "faults", "allocations"});
  for (const std::uint64_t size_mib : sizes_mib) {
    SF_ASSIGN_OR_RETURN(const auto sim,
                        BenchSim::Start({.ram_mib = size_mib, .policy = {.pause_budget_ms = 0}}));
    Pauses first;
    SF_RETURN_IF_ERROR(CaptureOnce(*sim, PageBitmap(sim->pages()), first));
    table.AddRow({fmt::format("{} MiB", size_mib), "all, first capture",
                  Number{first.pages.Median(), 0}, Number{first.pause_us.Median() * 1e-3}, "", "",
                  Number{first.outside_us.Median(), 0}, Count(first.faults),
                  Count(first.allocations)});
    const std::vector<std::uint64_t> percents = {0, 1, 5, 20};
    std::vector<PageBitmap> sets;
    for (const std::uint64_t percent : percents) {
      sets.push_back(DirtyPages(*sim, sim->pages() * percent / 100));
    }
    std::vector<Pauses> pauses(sets.size());
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t i = 0; i < sets.size(); ++i) {
        SF_RETURN_IF_ERROR(CaptureOnce(*sim, sets[i], pauses[i]));
      }
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const Pauses& of = pauses[i];
      table.AddRow({fmt::format("{} MiB", size_mib), fmt::format("{} %", percents[i]),
                    Number{of.pages.Median(), 0}, Number{of.pause_us.Median() * 1e-3},
                    Number{of.pause_us.Quantile(0.99) * 1e-3}, Number{of.pause_us.Max() * 1e-3},
                    Number{of.outside_us.Median(), 0}, Count(of.faults), Count(of.allocations)});
    }
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

absl::Status MeasureGrowth(Effort effort, Report& report) {
  constexpr std::uint64_t kDirty = 1000;
  constexpr std::uint64_t kResidentMib = 512;
  const std::vector<std::uint64_t> sizes_gib = {1, 2, 4, 8};
  const int rounds = effort == Effort::kFull ? 1000 : 200;
  std::vector<std::unique_ptr<BenchSim>> sims;
  std::vector<PageBitmap> sets;
  for (const std::uint64_t size_gib : sizes_gib) {
    SF_ASSIGN_OR_RETURN(auto sim,
                        BenchSim::Start({.ram_mib = size_gib * 1024,
                                         .resident_mib = kResidentMib,
                                         .policy = {.generations_max = 2, .pause_budget_ms = 0}}));
    SF_RETURN_IF_ERROR(sim->Capture().status());
    sets.push_back(DirtyPages(*sim, kDirty));
    sims.push_back(std::move(sim));
  }
  std::vector<Pauses> pauses(sims.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < sims.size(); ++i) {
      SF_RETURN_IF_ERROR(CaptureOnce(*sims[i], sets[i], pauses[i]));
    }
  }
  Table table(
      fmt::format("Growth with the guest's size at {} random dirty pages", kDirty),
      {"guest", "p50 us", "p99 us", "registers us", "dirty set us", "copy us", "of the smallest"});
  for (std::size_t i = 0; i < sims.size(); ++i) {
    const Pauses& of = pauses[i];
    table.AddRow({fmt::format("{} GiB", sizes_gib[i]), Number{of.pause_us.Median(), 0},
                  Number{of.pause_us.Quantile(0.99), 0}, Number{of.registers_us.Median(), 0},
                  Number{of.dirty_us.Median(), 0}, Number{of.copy_us.Median(), 0},
                  Number{MedianRatio(of.pause_us, pauses[0].pause_us)}});
  }
  table.AddNote(fmt::format("Each has {} MiB that were ever touched.", kResidentMib));
  report.Add(std::move(table));
  return absl::OkStatus();
}

absl::Status Run(Effort effort, Report& report) {
  SF_RETURN_IF_ERROR(MeasureShares(effort, report));
  return MeasureGrowth(effort, report);
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "pause", stillframe::bench::Run);
}
