#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "base/status.h"
#include "bench/scale/sim_daemon.h"
#include "bench/scale/tables.h"
#include "bench/support/samples.h"
#include "support/eventually.h"

namespace stillframe::bench {
namespace {

constexpr std::size_t kWatchersPerConnection = 20;

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// Counts who was told of each generation, and notes when.
class Watchers {
 public:
  absl::Status GrowTo(std::size_t count, const SimDaemon& daemon) {
    while (operations_.size() < count) {
      if (operations_.size() % kWatchersPerConnection == 0) {
        SF_ASSIGN_OR_RETURN(auto client, LocalClient::Connect(daemon.socket_path()));
        clients_.push_back(std::move(client));
      }
      LocalClient::WatchHandler handler;
      handler.on_established = [this] { ++established_; };
      handler.on_event = [this](const v1::SnapshotEvent& event) {
        if (!event.has_published()) return;
        last_ns_.store(NowNs());
        ++told_;
      };
      operations_.push_back(clients_.back()->Watch(daemon.NameOf(0), 0, {}, std::move(handler)));
    }
    const bool standing = Eventually([this] { return established_ == operations_.size(); });
    return standing ? absl::OkStatus() : absl::DeadlineExceededError("watches do not stand");
  }

  // When the last one was told of the next generation; `capture` makes it.
  absl::StatusOr<std::uint64_t> LastToldNs(SimDaemon& daemon, v1::Snapshot& snapshot) {
    told_ = 0;
    SF_ASSIGN_OR_RETURN(const auto snapshots, daemon.CaptureAll());
    snapshot = snapshots.front();
    if (!Eventually([this] { return told_ == operations_.size(); })) {
      return absl::DeadlineExceededError("watchers were not told");
    }
    return last_ns_.load();
  }

 private:
  std::atomic<std::size_t> established_{0};
  std::atomic<std::size_t> told_{0};
  std::atomic<std::uint64_t> last_ns_{0};
  std::vector<std::unique_ptr<LocalClient>> clients_;
  std::vector<std::unique_ptr<LocalClient::Operation>> operations_;  // go first
};

}  // namespace

absl::Status MeasureWatchers(Effort effort, Report& report) {
  constexpr std::uint64_t kGuestMib = 64;
  const int rounds = effort == Effort::kFull ? 300 : 60;
  SF_ASSIGN_OR_RETURN(const auto daemon, SimDaemon::Start(kGuestMib));
  SF_RETURN_IF_ERROR(daemon->GrowTo(1));
  const ProcessMemory alone = daemon->memory();
  Watchers watchers;
  Table table("Watchers of one guest, 20 on a connection",
              {"watchers", "pause p50 us", "last told after p50 ms", "p99 ms",
               "private KiB a watcher", "descriptors"});
  for (const std::size_t count : {1, 100, 1000}) {
    SF_RETURN_IF_ERROR(watchers.GrowTo(count, *daemon));
    Samples pause_us;
    Samples told_ms;
    for (int round = 0; round < rounds; ++round) {
      v1::Snapshot snapshot;
      SF_ASSIGN_OR_RETURN(const std::uint64_t last_ns, watchers.LastToldNs(*daemon, snapshot));
      pause_us.Add(static_cast<double>(snapshot.pause_end_ns() - snapshot.pause_begin_ns()) * 1e-3);
      told_ms.Add(static_cast<double>(last_ns - snapshot.pause_end_ns()) * 1e-6);
    }
    const ProcessMemory memory = daemon->memory();
    const double grown_kib =
        (static_cast<double>(memory.private_bytes) - static_cast<double>(alone.private_bytes)) /
        1024;
    table.AddRow({Count(count), Number{pause_us.Median(), 0}, Number{told_ms.Median()},
                  Number{told_ms.Quantile(0.99)}, Number{grown_kib / static_cast<double>(count), 1},
                  Count(memory.descriptors)});
  }
  table.AddNote("Told after: from the resume until the last watcher has the event.");
  report.Add(std::move(table));
  return absl::OkStatus();
}

}  // namespace stillframe::bench
