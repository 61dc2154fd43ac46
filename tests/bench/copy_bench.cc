// How near the pause window's copy comes to what the machine can do: whole guests and dirty sets,
// against the copy ceiling of the same run.
#include <fmt/format.h>

#include <atomic>
#include <cstring>

#include "bench/support/bench_main.h"
#include "bench/support/copy_ceiling.h"
#include "bench/support/dirty_pattern.h"
#include "bench/support/huge_memory.h"
#include "bench/support/interleaved.h"
#include "bench/support/still_guest.h"
#include "capture/copy_crew.h"
#include "capture/copy_engine.h"
#include "capture/pause_window.h"
#include "store/arena.h"

namespace stillframe::bench {
namespace {

constexpr double kGib = 1 << 30;

// One guest, and room for a copy of all of it.
struct Subject {
  std::unique_ptr<StillGuest> guest;
  std::unique_ptr<Arena> arena;
  SlotReserve reserve;
  PageCopy copy;
  CopyCrew crew{1};
  std::uint64_t pages = 0;
  PageBitmap readable, pending, copied, fetched, unsure;
  NoGuard guard;
  std::atomic<bool> cancelled{false};
  WindowResult window;

  absl::Status Prepare(std::uint64_t page_count) {
    pages = page_count;
    SF_ASSIGN_OR_RETURN(guest, StillGuest::Create(pages));
    Arena::Options options;
    options.name = "bench-arena";
    options.bytes_max = (pages << kPageShift) + options.segment_bytes;
    arena = std::make_unique<Arena>(options);
    SF_RETURN_IF_ERROR(reserve.GrowTo(pages, *arena));
    readable.Resize(pages);
    readable.SetRange({Gfn{0}, pages});
    for (PageBitmap* set : {&pending, &copied, &fetched, &unsure}) set->Resize(pages);
    copy.Prepare(pages);
    return absl::OkStatus();
  }

  // One pause window that copies `dirty`, alone or with one helper that spins already; its length
  // in seconds.
  double Pause(const PageBitmap& dirty, int threads) {
    guest->dirty = dirty;
    for (PageBitmap* set : {&pending, &copied, &fetched, &unsure}) set->ClearAll();
    const CopyCrew::Borrow helper(threads > 1 ? &crew : nullptr);
    WindowPlan plan;
    plan.view = guest->Refresh()->get();
    plan.arena = arena.get();
    plan.reserve = &reserve;
    plan.readable = &readable;
    plan.resident = &readable;
    plan.pending = &pending;
    plan.copied = &copied;
    plan.fetched = &fetched;
    plan.unsure = &unsure;
    plan.copy = &copy;
    plan.crew = helper.crew();
    plan.deadline_ms = 60'000;
    plan.cancelled = &cancelled;
    if (!RunPauseWindow(*guest, guard, plan, Clock::System(), window).ok()) return 0;
    return static_cast<double>(window.end_ns - window.begin_ns) * 1e-9;
  }
};

// Copies all of the guest, segment by segment of the arena.
void CopyInSegments(const Subject& subject, const CopyEngine& engine) {
  const std::uint64_t segment_pages = subject.arena->slots_per_segment();
  for (std::uint64_t at = 0; at < subject.pages; at += segment_pages) {
    const CopyPiece piece{subject.arena->At(static_cast<Slot>(at)),
                          subject.guest->ram() + (at << kPageShift),
                          std::min(segment_pages, subject.pages - at)};
    engine.copy({&piece, 1});
  }
}

absl::Status MeasureWhole(Subject& subject, int rounds, Report& report) {
  const std::size_t bytes = subject.pages << kPageShift;
  const HugeMemory from(bytes), to(bytes);
  if (from.data() == nullptr || to.data() == nullptr) {
    return absl::ResourceExhaustedError("not enough memory for the copy ceiling");
  }
  std::memcpy(from.data(), subject.guest->ram(), bytes);
  PageBitmap all(subject.pages);
  all.SetRange({Gfn{0}, subject.pages});
  const std::size_t segment_bytes = subject.arena->segment_bytes();

  std::vector<Variant> variants = {
      {"ceiling, 1 thread",
       [&] { return SecondsOf([&] { CopyAtCeiling(to.data(), from.data(), bytes); }); }},
      {"the ceiling's loop, guest RAM to arena",
       [&] {
         return SecondsOf([&] {
           for (std::size_t at = 0; at < bytes; at += segment_bytes) {
             CopyAtCeiling(subject.arena->At(static_cast<Slot>(at >> kPageShift)),
                           subject.guest->ram() + at, std::min(segment_bytes, bytes - at));
           }
         });
       }},
      {"memcpy, guest RAM to arena, page by page",
       [&] {
         return SecondsOf([&] {
           for (std::size_t at = 0; at < bytes; at += kPageBytes) {
             std::memcpy(subject.arena->At(static_cast<Slot>(at >> kPageShift)),
                         subject.guest->ram() + at, kPageBytes);
           }
         });
       }},
      {"pause window, 1 thread", [&] { return subject.Pause(all, 1); }},
      {"pause window, 2 threads", [&] { return subject.Pause(all, 2); }},
  };
  for (const CopyEngine& engine : CopyEngines()) {
    variants.push_back({fmt::format("engine {}, guest RAM to arena", engine.name),
                        [&] { return SecondsOf([&] { CopyInSegments(subject, engine); }); }});
  }
  const std::vector<Samples> samples = RunInterleaved(variants, rounds);
  Table table(fmt::format("Whole copy of {} MiB", bytes >> 20),
              {"variant", "median ms", "best ms", "GiB/s", "of ceiling"});
  for (std::size_t i = 0; i < variants.size(); ++i) {
    table.AddRow({variants[i].name, Number{samples[i].Median() * 1e3},
                  Number{samples[i].Quantile(0) * 1e3},
                  Number{static_cast<double>(bytes) / samples[i].Median() / kGib},
                  Number{MedianRatio(samples[0], samples[i])}});
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

void MeasureDirty(Subject& subject, int rounds, Report& report) {
  struct Row {
    Pattern pattern;
    std::uint64_t percent;
    PageBitmap dirty;
    std::uint64_t pages = 0;
  };
  std::vector<Row> rows;
  for (const Pattern pattern : {Pattern::kRandom, Pattern::kClustered}) {
    for (const std::uint64_t percent : {1, 5, 20, 50}) {
      Row row{pattern, percent, PageBitmap(subject.pages), subject.pages * percent / 100};
      MarkDirty(row.dirty, {Gfn{0}, subject.pages}, row.pages, pattern, percent);
      rows.push_back(std::move(row));
    }
  }
  PageBitmap all(subject.pages);
  all.SetRange({Gfn{0}, subject.pages});

  std::vector<Variant> variants = {{"all", [&] { return subject.Pause(all, 1); }}};
  for (const Row& row : rows) {
    variants.push_back({"dirty", [&subject, &row] { return subject.Pause(row.dirty, 1); }});
  }
  const std::vector<Samples> samples = RunInterleaved(variants, rounds);
  const double whole_page = 1 / static_cast<double>(subject.pages);
  Table table("Dirty sets: the pause of one thread against the whole copy's, per page",
              {"dirty", "pages", "median ms", "ns/page", "of whole copy's"});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Samples& took = samples[i + 1];
    const auto pages = static_cast<double>(rows[i].pages);
    table.AddRow({fmt::format("{} % {}", rows[i].percent,
                              rows[i].pattern == Pattern::kRandom ? "random" : "clustered"),
                  Count(rows[i].pages), Number{took.Median() * 1e3},
                  Number{took.Median() / pages * 1e9, 0},
                  Number{MedianRatio(took, samples[0]) / pages / whole_page}});
  }
  report.Add(std::move(table));
}

absl::Status Run(Effort effort, Report& report) {
  Subject subject;
  const std::uint64_t gib = effort == Effort::kFull ? 2 : 1;
  const int rounds = effort == Effort::kFull ? 31 : 11;
  SF_RETURN_IF_ERROR(subject.Prepare((gib << 30) >> kPageShift));
  SF_RETURN_IF_ERROR(MeasureWhole(subject, rounds, report));
  MeasureDirty(subject, rounds, report);
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "copy", stillframe::bench::Run);
}
