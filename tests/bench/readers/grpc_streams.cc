#include "bench/readers/grpc_streams.h"

#include <fmt/format.h>

#include <memory>

#include "base/status.h"
#include "bench/server/bench_daemon.h"
#include "grpc_channel.h"
#include "grpc_page_stream.h"
#include "target.h"

namespace stillframe::bench {

absl::StatusOr<ParallelStreams> GrpcStreams(const BenchServer& server, Transport transport,
                                            std::size_t readers, std::uint32_t chunk_bytes,
                                            std::uint64_t generation) {
  ParallelStreams streams{fmt::format("gRPC, {} KiB chunks{}", chunk_bytes >> 10,
                                      generation == 1 ? "" : ", 1 % of the pages elsewhere"),
                          {}};
  SF_ASSIGN_OR_RETURN(const Target target, Target::Parse(server.gateway(transport)));
  for (std::size_t i = 0; i < readers; ++i) {
    SF_ASSIGN_OR_RETURN(const auto channels, GrpcChannels::Create(target, server.tls(transport)));
    streams.readers.push_back(
        [channels, chunk_bytes, generation](GfnRange part, Delivered& delivered) {
          return StreamPages(
              *channels, Select(kBenchGuest, generation), {&part, 1}, EmptyRuns::kReport,
              [&delivered](const PageRun& run) {
                delivered.Take(run.bytes);
                return absl::OkStatus();
              },
              {}, chunk_bytes);
        });
  }
  return streams;
}

}  // namespace stillframe::bench
