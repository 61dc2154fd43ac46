#include "bench/readers/parallel_streams.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "base/status.h"
#include "bench/server/bench_daemon.h"
#include "bench/support/interleaved.h"
#include "stillframe/connection.h"

namespace stillframe::bench {
namespace {

std::vector<GfnRange> Parts(std::uint64_t bytes, std::size_t readers) {
  const std::uint64_t pages = (bytes >> kPageShift) / readers;
  std::vector<GfnRange> parts;
  for (std::size_t i = 0; i < readers; ++i) parts.push_back({Gfn{i * pages}, pages});
  return parts;
}

}  // namespace

absl::StatusOr<StreamMeter> StreamMeter::Create(const BenchServer& server, std::uint64_t bytes) {
  StreamMeter meter(server, bytes);
  SF_ASSIGN_OR_RETURN(const auto local, Connection::Open(server.local_target()));
  SF_ASSIGN_OR_RETURN(meter.mapped_, local->OpenSnapshot(Select(kBenchGuest, 1)));
  return meter;
}

double StreamMeter::gib() const { return static_cast<double>(bytes_) / (std::uint64_t{1} << 30); }

absl::Status StreamMeter::LearnTruth(std::span<const GfnRange> parts) {
  std::vector<Delivered>& truth = truth_[parts.size()];
  if (!truth.empty()) return absl::OkStatus();
  for (const GfnRange& part : parts) {
    Delivered& delivered = truth.emplace_back();
    SF_RETURN_IF_ERROR(
        mapped_->ReadPages({&part, 1}, EmptyRuns::kReport, [&delivered](const PageRun& run) {
          delivered.Take(run.bytes);
          return absl::OkStatus();
        }));
  }
  return absl::OkStatus();
}

absl::StatusOr<StreamCost> StreamMeter::Measure(const ParallelStreams& streams) {
  const std::size_t readers = streams.readers.size();
  const std::vector<GfnRange> parts = Parts(bytes_, readers);
  SF_RETURN_IF_ERROR(LearnTruth(parts));
  std::vector<absl::Status> statuses(readers);
  std::vector<Delivered> delivered(readers);
  const auto run = [&](std::size_t i) { statuses[i] = streams.readers[i](parts[i], delivered[i]); };
  const double cpu_before = server_.CpuSeconds() + OwnCpuSeconds();
  StreamCost cost;
  cost.seconds = SecondsOf([&] {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < readers; ++i) threads.emplace_back(run, i);
    for (std::thread& thread : threads) thread.join();
  });
  cost.cpu_seconds = server_.CpuSeconds() + OwnCpuSeconds() - cpu_before;
  for (const absl::Status& status : statuses) SF_RETURN_IF_ERROR(status);
  if (delivered != truth_[readers]) {
    return absl::DataLossError(
        fmt::format("{}: what came differs from what lies in the arena", streams.name));
  }
  return cost;
}

}  // namespace stillframe::bench
