#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/status.h"
#include "bench/mapped/patterns.h"
#include "bench/scale/tables.h"
#include "bench/support/dirty_pattern.h"
#include "bench/support/interleaved.h"
#include "bench/support/process_memory.h"
#include "bench/support/samples.h"
#include "bench/support/still_capture.h"
#include "local/slot_runs.h"

namespace stillframe::bench {
namespace {

constexpr std::uint64_t kPages = std::uint64_t{128} << 20 >> kPageShift;
constexpr std::uint64_t kDirtyPages = kPages / 100;

// The next generation, with other random pages changed than in the last.
absl::StatusOr<SnapshotPtr> CaptureNext(StillCapture& still, std::uint64_t seed) {
  StillGuest& guest = still.guest();
  guest.dirty.ClearAll();
  MarkDirty(guest.dirty, {Gfn{0}, kPages}, kDirtyPages, Pattern::kRandom, seed);
  guest.ChangeDirtyPages();
  return still.Capture();
}

// Stretches of the guest that lie in one piece in the arena: what a stream can send at once.
struct Layout {
  std::uint64_t runs = 0;
  double scan_gib_per_s = 0;
};

Layout LayoutOf(const Snapshot& snapshot) {
  Layout layout;
  const std::span<const Slot> slots = snapshot.pages.slots();
  volatile std::uint64_t sum = 0;
  const double seconds = SecondsOf([&] {
    for (std::size_t at = 0; at < slots.size(); ++layout.runs) {
      const std::uint32_t per_segment = snapshot.arena->slots_per_segment();
      const std::size_t left_in_segment = per_segment - slots[at] % per_segment;
      const std::size_t pages =
          CountConsecutive(slots.subspan(at, std::min(left_in_segment, slots.size() - at)));
      sum = sum + SumOf({snapshot.arena->At(slots[at]), pages << kPageShift});
      at += pages;
    }
  });
  layout.scan_gib_per_s =
      static_cast<double>(slots.size() << kPageShift) / seconds / (std::uint64_t{1} << 30);
  return layout;
}

absl::Status MeasureManyGenerations(Effort effort, Report& report, Targets& targets) {
  const std::uint64_t last = 10'000;
  const int scans = effort == Effort::kFull ? 31 : 9;
  SF_ASSIGN_OR_RETURN(const auto still, StillCapture::Start(kPages, kPages / 4, 8));
  Table table(fmt::format("{} generations of {} MiB, {} random pages changed in each, 8 kept", last,
                          kPages >> 8, kDirtyPages),
              {"generation", "capture p50 us", "p99 us", "runs in the page map", "scan GiB/s",
               "private MiB", "shared MiB"});
  Samples first_scan;
  ProcessMemory first_memory;
  Samples us;
  for (std::uint64_t generation = 2; generation <= last; ++generation) {
    SnapshotPtr snapshot;
    absl::Status status;
    us.Add(1e6 * SecondsOf([&] {
             auto captured = CaptureNext(*still, generation);
             status = captured.status();
             if (captured.ok()) snapshot = *std::move(captured);
           }));
    SF_RETURN_IF_ERROR(status);
    if (generation != 10 && generation != 100 && generation != 1000 && generation != last) continue;
    Samples scan;
    Layout layout;
    for (int i = 0; i < scans; ++i) {
      layout = LayoutOf(*snapshot);
      scan.Add(layout.scan_gib_per_s);
    }
    const ProcessMemory memory = MemoryOf(getpid());
    table.AddRow({Count(generation), Number{us.Median(), 0}, Number{us.Quantile(0.99), 0},
                  Count(layout.runs), Number{scan.Median()},
                  Number{static_cast<double>(memory.private_bytes) / (1 << 20), 1},
                  Number{static_cast<double>(memory.memfd_bytes) / (1 << 20), 1}});
    us = {};
    if (generation == 10) {
      first_scan = scan;
      first_memory = memory;
    } else if (generation == last) {
      targets.AtMost("10,000 generations: memory, times that at 10",
                     static_cast<double>(memory.bytes()) / double(first_memory.bytes()), 1.05);
      targets.AtLeast("10,000 generations: scan, of its speed at 10",
                      scan.Median() / first_scan.Median(), 0.9);
    }
  }
  table.AddNote("Memory is this process's: guest, arena, page maps. Times are of the generations");
  table.AddNote("since the row above; marking and changing pages is part of them.");
  report.Add(std::move(table));
  return absl::OkStatus();
}

absl::Status MeasureOneMore(Report& report, Targets& targets) {
  constexpr std::uint64_t kKept = 64;
  SF_ASSIGN_OR_RETURN(const auto still,
                      StillCapture::Start(kPages, 2 * kKept * kDirtyPages, 2 * kKept));
  const auto held = [&still] {
    const ProcessMemory memory = MemoryOf(getpid());
    const Arena& arena = still->store().arena();
    // Segments are made whole: what matters is the part of them that is used.
    return static_cast<double>(memory.bytes() - arena.bytes_held() + arena.bytes_used());
  };
  std::uint64_t seed = 1;
  for (; seed <= 4; ++seed) SF_RETURN_IF_ERROR(CaptureNext(*still, seed).status());
  const double before = held();
  for (; seed <= 4 + kKept; ++seed) SF_RETURN_IF_ERROR(CaptureNext(*still, seed).status());
  const double per_generation = (held() - before) / static_cast<double>(kKept);
  const double dirty_bytes = static_cast<double>(kDirtyPages << kPageShift);
  const double bound = dirty_bytes + static_cast<double>(kPages << kPageShift) * 0.001 + (64 << 10);
  Table table(
      fmt::format("One more generation kept, {} MiB, {} pages changed", kPages >> 8, kDirtyPages),
      {"KiB", "of it changed pages", "rest", "bound"});
  table.AddRow({Number{per_generation / 1024, 0}, Number{dirty_bytes / 1024, 0},
                Number{(per_generation - dirty_bytes) / 1024, 0}, Number{bound / 1024, 0}});
  report.Add(std::move(table));
  targets.AtMost("one more generation: of changed bytes + 0.1 % of the guest + 64 KiB",
                 per_generation / bound, 1);
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureGenerations(Effort effort, Report& report, Targets& targets) {
  SF_RETURN_IF_ERROR(MeasureOneMore(report, targets));
  return MeasureManyGenerations(effort, report, targets);
}

}  // namespace stillframe::bench
