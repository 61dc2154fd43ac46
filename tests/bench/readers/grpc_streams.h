// Readers of whole snapshots through the gateway, by the product's own client code.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "bench/readers/parallel_streams.h"

namespace stillframe::bench {

// As many gRPC readers of that generation, each on a connection of its own.
absl::StatusOr<ParallelStreams> GrpcStreams(const BenchServer& server, Transport transport,
                                            std::size_t readers, std::uint32_t chunk_bytes,
                                            std::uint64_t generation);

}  // namespace stillframe::bench
