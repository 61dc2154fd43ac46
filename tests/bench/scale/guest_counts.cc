#include <fmt/format.h>

#include <vector>

#include "base/status.h"
#include "bench/scale/sim_daemon.h"
#include "bench/scale/tables.h"
#include "bench/support/interleaved.h"
#include "bench/support/samples.h"

namespace stillframe::bench {

absl::Status MeasureGuests(Effort effort, Report& report) {
  constexpr std::uint64_t kGuestMib = 16;
  const int rounds = effort == Effort::kFull ? 60 : 12;
  SF_ASSIGN_OR_RETURN(const auto daemon, SimDaemon::Start(kGuestMib));
  const ProcessMemory alone = daemon->memory();
  Table table(fmt::format("Guests of {} MiB in one daemon", kGuestMib),
              {"guests", "all captured ms", "ms each", "pause p50 us", "pause p99 us",
               "private KiB a guest", "shared MiB a guest", "threads", "descriptors"});
  for (const std::size_t guests : {1, 8, 64}) {
    SF_RETURN_IF_ERROR(daemon->GrowTo(guests));
    Samples round_ms;
    Samples pause_us;
    for (int round = 0; round < rounds; ++round) {
      absl::StatusOr<std::vector<v1::Snapshot>> snapshots;
      round_ms.Add(1e3 * SecondsOf([&] { snapshots = daemon->CaptureAll(); }));
      SF_RETURN_IF_ERROR(snapshots.status());
      for (const v1::Snapshot& snapshot : *snapshots) {
        pause_us.Add(static_cast<double>(snapshot.pause_end_ns() - snapshot.pause_begin_ns()) *
                     1e-3);
      }
    }
    const ProcessMemory memory = daemon->memory();
    const double count = static_cast<double>(guests);
    const double private_kib =
        static_cast<double>(memory.private_bytes - alone.private_bytes) / count / 1024;
    table.AddRow({Count(guests), Number{round_ms.Median(), 1}, Number{round_ms.Median() / count},
                  Number{pause_us.Median(), 0}, Number{pause_us.Quantile(0.99), 0},
                  Number{private_kib, 0},
                  Number{static_cast<double>(memory.memfd_bytes) / count / (1 << 20), 1},
                  Count(memory.threads), Count(memory.descriptors)});
  }
  table.AddNote(
      "Shared: arenas, in segments of 64 MiB, and page maps. Each guest writes 100 pages");
  table.AddNote("a second. Captures of several guests take turns.");
  report.Add(std::move(table));
  return absl::OkStatus();
}

}  // namespace stillframe::bench
