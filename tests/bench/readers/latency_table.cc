#include "bench/readers/latency_table.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/readers/small_reads.h"
#include "bench/support/samples.h"

namespace stillframe::bench {
namespace {

constexpr int kReadsInTurn = 100;

struct Way {
  std::string name;
  SmallRead read;
  double times_raw_max = 0;  // 0: no bound
  Samples us = {};
};

absl::StatusOr<std::vector<Way>> WaysOver(const BenchServer& server, Transport transport) {
  SF_ASSIGN_OR_RETURN(SmallRead raw, RawPingPong(server, transport));
  SF_ASSIGN_OR_RETURN(auto remote, OpenRemote(server, transport));
  return std::vector<Way>{{"raw ping-pong", std::move(raw)},
                          {"gRPC, long-lived stream", OnStream(remote), 5},
                          {"gRPC, a call each", ByCall(remote), 10}};
}

}  // namespace

absl::Status MeasureLatencies(const BenchServer& server, std::uint64_t guest_bytes, Effort effort,
                              Report& report, Targets& targets) {
  const int rounds = effort == Effort::kFull ? 100 : 20;
  Table table("Small reads at random, one after the other",
              {"over", "how", "bytes", "p50 us", "p99 us", "of raw"});
  Table batches(fmt::format("Batches of {} pages at random on a long-lived stream", kBatchReads),
                {"over", "p50 us", "p99 us", "pages/s"});
  for (const Transport transport : {Transport::kTcp, Transport::kUnix, Transport::kTls}) {
    for (const std::size_t bytes : {std::size_t{8}, kPageBytes}) {
      SF_ASSIGN_OR_RETURN(std::vector<Way> ways, WaysOver(server, transport));
      for (int round = 0; round <= rounds; ++round) {
        const RandomPages pages(guest_bytes, static_cast<std::uint64_t>(round));
        for (Way& way : ways) {
          Samples warm_up;
          SF_RETURN_IF_ERROR(
              TimeReads(way.read, pages, bytes, kReadsInTurn, round == 0 ? warm_up : way.us));
        }
      }
      const Samples& raw = ways.front().us;
      for (const Way& way : ways) {
        const double ratio = way.us.Median() / raw.Median();
        table.AddRow({NameOf(transport), way.name, Count(bytes), Number{way.us.Median(), 1},
                      Number{way.us.Quantile(0.99), 1}, Number{ratio}});
        if (bytes == kPageBytes && way.times_raw_max > 0) {
          targets.AtMost(
              fmt::format("{}, 4 KiB read by {}: times raw", NameOf(transport), way.name), ratio,
              way.times_raw_max);
        }
      }
    }
    SF_ASSIGN_OR_RETURN(const auto reader, OpenRemote(server, transport));
    Samples us;
    SF_RETURN_IF_ERROR(TimeBatches(*reader, RandomPages(guest_bytes, 1), 50 * rounds, us));
    const double pages_per_s = kBatchReads / us.Median() * 1e6;
    batches.AddRow({NameOf(transport), Number{us.Median(), 0}, Number{us.Quantile(0.99), 0},
                    Number{pages_per_s, 0}});
    if (transport == Transport::kTcp) {
      targets.AtLeast("TCP loopback, batches: 1000 pages/s", pages_per_s / 1000, 100);
    }
  }
  report.Add(std::move(table));
  report.Add(std::move(batches));
  return absl::OkStatus();
}

}  // namespace stillframe::bench
