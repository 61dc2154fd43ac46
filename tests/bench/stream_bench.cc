// How fast a whole snapshot comes through gRPC, beside a raw socket that sends the same memory.
#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/readers/grpc_streams.h"
#include "bench/readers/latency_table.h"
#include "bench/readers/parallel_streams.h"
#include "bench/readers/raw_sweep.h"
#include "bench/server/bench_server.h"
#include "bench/support/bench_main.h"
#include "bench/support/samples.h"
#include "bench/support/targets.h"

namespace stillframe::bench {
namespace {

constexpr std::uint32_t kKib = 1024;
constexpr std::uint32_t kMib = 1024 * kKib;

// What is tried.
struct Extent {
  std::uint64_t bytes = 0;
  int rounds = 0;
};

struct Row {
  ParallelStreams streams;
  Samples seconds = {};
  Samples cpu_seconds = {};
};

// The rows of one number of readers, measured in turn.
class Comparison {
 public:
  static absl::StatusOr<Comparison> Create(const BenchServer& server, Transport transport,
                                           std::size_t readers, const Extent& extent) {
    constexpr std::size_t kRawRows = 3;  // who won the sweep by luck loses to another
    Comparison made;
    SF_ASSIGN_OR_RETURN(const std::vector<RawWay> ways,
                        FastestWays(server, transport, readers, extent.bytes / 2, kRawRows));
    for (const RawWay& way : ways) {
      SF_ASSIGN_OR_RETURN(ParallelStreams raw, RawStreams(server, transport, readers, way));
      made.rows_.push_back({std::move(raw)});
    }
    made.raw_rows_ = made.rows_.size();
    std::vector<std::pair<std::uint32_t, std::uint64_t>> chunks_and_generations = {{kMib, 1}};
    if (readers == 1) {
      chunks_and_generations = {
          {64 * kKib, 1}, {256 * kKib, 1}, {kMib, 1}, {4 * kMib, 1}, {kMib, 2}};
    }
    for (const auto& [chunk_bytes, generation] : chunks_and_generations) {
      SF_ASSIGN_OR_RETURN(ParallelStreams grpc,
                          GrpcStreams(server, transport, readers, chunk_bytes, generation));
      made.rows_.push_back({std::move(grpc)});
    }
    return made;
  }

  absl::Status Measure(StreamMeter& meter, int rounds) {
    for (int round = 0; round <= rounds; ++round) {
      for (Row& row : rows_) {
        SF_ASSIGN_OR_RETURN(const StreamCost cost, meter.Measure(row.streams));
        if (round == 0) continue;  // warms up
        row.seconds.Add(cost.seconds);
        row.cpu_seconds.Add(cost.cpu_seconds);
      }
    }
    return absl::OkStatus();
  }

  const std::vector<Row>& rows() const { return rows_; }

  // The raw row that was fastest.
  const Row& Baseline() const {
    const Row* best = &rows_.front();
    for (std::size_t i = 1; i < raw_rows_; ++i) {
      if (rows_[i].seconds.Median() < best->seconds.Median()) best = &rows_[i];
    }
    return *best;
  }

  double SpeedOfRaw(const Row& row) const { return MedianRatio(Baseline().seconds, row.seconds); }
  double CpuOfRaw(const Row& row) const {
    return MedianRatio(row.cpu_seconds, Baseline().cpu_seconds);
  }

  // gRPC as the client reads unless told otherwise.
  const Row& Customary() const {
    for (const Row& row : rows_) {
      if (row.streams.name == fmt::format("gRPC, {} KiB chunks", kMib / kKib)) return row;
    }
    return rows_.back();
  }

 private:
  std::vector<Row> rows_;
  std::size_t raw_rows_ = 0;
};

double SpeedTarget(Transport transport) {
  switch (transport) {
    case Transport::kTcp:
      return 0.85;
    case Transport::kUnix:
      return 0.60;
    case Transport::kTls:
      return 0.70;
  }
  return 1;
}

absl::Status MeasureTransport(const BenchServer& server, Transport transport, const Extent& extent,
                              Table& table, Targets& targets) {
  constexpr double kCpuTarget = 1.5;
  SF_ASSIGN_OR_RETURN(StreamMeter meter, StreamMeter::Create(server, extent.bytes));
  for (const std::size_t readers : {1, 4}) {
    SF_ASSIGN_OR_RETURN(Comparison comparison,
                        Comparison::Create(server, transport, readers, extent));
    SF_RETURN_IF_ERROR(comparison.Measure(meter, extent.rounds));
    for (const Row& row : comparison.rows()) {
      table.AddRow({NameOf(transport), row.streams.name, Count(readers),
                    Number{meter.gib() / row.seconds.Median()}, Number{comparison.SpeedOfRaw(row)},
                    Number{row.cpu_seconds.Median() / meter.gib()},
                    Number{comparison.CpuOfRaw(row)}});
    }
    const std::string where =
        fmt::format("{}, {} reader{}", NameOf(transport), readers, readers == 1 ? "" : "s");
    const Row& grpc = comparison.Customary();
    targets.AtLeast(where + ": speed of raw", comparison.SpeedOfRaw(grpc), SpeedTarget(transport));
    targets.AtMost(where + ": CPU per GiB of raw", comparison.CpuOfRaw(grpc), kCpuTarget);
  }
  return absl::OkStatus();
}

absl::Status Run(Effort effort, Report& report) {
  const bool full = effort == Effort::kFull;
  const std::uint64_t mib = full ? 1024 : 256;
  SF_ASSIGN_OR_RETURN(const auto server, BenchServer::Start(mib));
  Table table(fmt::format("A snapshot streamed: {} MiB, under TLS {}", mib, mib / 2),
              {"over", "how", "readers", "GiB/s", "of raw", "CPU s/GiB", "CPU of raw"});
  Targets targets;
  for (const Transport transport : {Transport::kTcp, Transport::kUnix, Transport::kTls}) {
    const std::uint64_t share = transport == Transport::kTls ? 2 : 1;
    const Extent extent{mib / share * kMib, full ? 21 : 7};
    SF_RETURN_IF_ERROR(MeasureTransport(*server, transport, extent, table, targets));
  }
  table.AddNote("Raw: the three fastest of a sweep in this run over sends of 64 KiB to 4 MiB,");
  table.AddNote("receives of 64 KiB to 1 MiB that return with any byte or half full, and socket");
  table.AddNote("buffers as the kernel sizes them or as large as it allows. Ratios are to the");
  table.AddNote("fastest; under TLS it is OpenSSL with gRPC's cipher, reading ahead. All touch");
  table.AddNote("each page once, and what came is compared with what lies in the arena.");
  report.Add(std::move(table));
  SF_RETURN_IF_ERROR(MeasureLatencies(*server, mib * kMib, effort, report, targets));
  report.Add(targets.Judged());
  return absl::OkStatus();
}

}  // namespace
}  // namespace stillframe::bench

int main(int argc, char** argv) {
  return stillframe::bench::Main(argc, argv, "stream", stillframe::bench::Run);
}
