// Finds out how a raw peer is fastest here and now: a baseline that chose badly would make gRPC
// look good, and what is best depends on the kernel and on the machine.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "bench/readers/parallel_streams.h"
#include "bench/readers/raw_reader.h"

namespace stillframe::bench {

// As many raw readers, each on a connection of its own.
absl::StatusOr<ParallelStreams> RawStreams(const BenchServer& server, Transport transport,
                                           std::size_t readers, const RawWay& way);

// The `count` fastest ways. All are tried in turn; after each round the slower half is out.
absl::StatusOr<std::vector<RawWay>> FastestWays(const BenchServer& server, Transport transport,
                                                std::size_t readers, std::uint64_t bytes,
                                                std::size_t count);

}  // namespace stillframe::bench
