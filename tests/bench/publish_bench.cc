// How long after the resume readers wait for a generation, and what of that the content check is.
#include <fmt/format.h>

#include <vector>

#include "base/status.h"
#include "bench/support/bench_main.h"
#include "bench/support/dirty_pattern.h"
#include "bench/support/samples.h"
#include "bench/support/still_capture.h"

namespace stillframe::bench {
namespace {

constexpr std::uint64_t kDirtyPercent = 1;

// What the dirty pages turn out to be.
enum class Content { kChanged, kSame };

absl::Status Run(Effort effort, Report& report) {
  const std::uint64_t gib = effort == Effort::kFull ? 4 : 2;
  const int rounds = effort == Effort::kFull ? 100 : 30;
  const std::uint64_t pages = (gib << 30) >> kPageShift;
  SF_ASSIGN_OR_RETURN(const auto still, StillCapture::Start(pages, pages / 8, 4));
  StillGuest& guest = still->guest();

  struct Row {
    const char* name;
    Content content;
    std::uint64_t due_ns;
    Samples ms = {};
  };
  std::vector<Row> rows = {
      {"changed content", Content::kChanged, ~std::uint64_t{0}},
      {"same content", Content::kSame, ~std::uint64_t{0}},
      {"changed, not compared", Content::kChanged, 1},
  };
  for (int round = 0; round <= rounds; ++round) {
    for (Row& row : rows) {
      guest.dirty.ClearAll();
      MarkDirty(guest.dirty, {Gfn{0}, pages}, pages * kDirtyPercent / 100, Pattern::kRandom,
                static_cast<std::uint64_t>(round));
      if (row.content == Content::kChanged) guest.ChangeDirtyPages();
      SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, still->Capture(row.due_ns));
      if (round > 0) {
        row.ms.Add(static_cast<double>(still->told_ns() - snapshot->metadata.pause_end_ns) * 1e-6);
      }
    }
  }
  Table table(fmt::format("From the resume to the published generation, {} GiB, {} % dirty", gib,
                          kDirtyPercent),
              {"dirty pages", "p50 ms", "p99 ms"});
  for (const Row& row : rows) {
    table.AddRow({row.name, Number{row.ms.Median()}, Number{row.ms.Quantile(0.99)}});
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "publish", stillframe::bench::Run);
}
