// Readers that stream their parts of the guest's memory at once, and what that costs.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "bench/readers/delivered.h"
#include "bench/server/bench_server.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe::bench {

// Streams `part`, for itself on one connection.
using StreamReader = std::function<absl::Status(GfnRange part, Delivered& delivered)>;

struct ParallelStreams {
  std::string name;
  std::vector<StreamReader> readers;
};

struct StreamCost {
  double seconds = 0;
  double cpu_seconds = 0;  // of this process and the server's
};

class StreamMeter {
 public:
  // All readers together read the first `bytes` of the guest. `server` must outlive it.
  static absl::StatusOr<StreamMeter> Create(const BenchServer& server, std::uint64_t bytes);

  // DATA_LOSS when what came is not what lies in the arena.
  absl::StatusOr<StreamCost> Measure(const ParallelStreams& streams);

  double gib() const;

 private:
  StreamMeter(const BenchServer& server, std::uint64_t bytes) : server_(server), bytes_(bytes) {}
  absl::Status LearnTruth(std::span<const GfnRange> parts);

  const BenchServer& server_;
  const std::uint64_t bytes_;
  std::unique_ptr<SnapshotReader> mapped_;
  std::map<std::size_t, std::vector<Delivered>> truth_;  // by number of readers
};

}  // namespace stillframe::bench
