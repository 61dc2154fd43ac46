#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/mapped/tables.h"
#include "bench/readers/small_reads.h"
#include "bench/server/bench_daemon.h"
#include "bench/support/samples.h"
#include "stillframe/connection.h"

namespace stillframe::bench {

absl::Status MeasureRemote(const BenchServer& server, std::uint64_t guest_bytes, Effort effort,
                           Report& report) {
  const int reads = effort == Effort::kFull ? 20'000 : 2000;
  SF_ASSIGN_OR_RETURN(const auto connection, Connection::Open(server.local_target()));
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<SnapshotReader> local,
                      connection->OpenSnapshot(Select(kBenchGuest, 1)));
  SF_ASSIGN_OR_RETURN(const auto remote, OpenRemote(server, Transport::kUnix));
  const std::vector<std::pair<std::string, SmallRead>> ways = {
      {"mapped", OnStream(local)},
      {"gRPC, long-lived stream", OnStream(remote)},
      {"gRPC, a call each", ByCall(remote)}};
  Table table("Pages at random, mapped and through gRPC on a unix socket",
              {"how", "bytes", "p50 us", "p99 us", "us a page in batches of 64"});
  for (const auto& [name, read] : ways) {
    const auto& reader = name == "mapped" ? local : remote;
    Samples batch_us;
    SF_RETURN_IF_ERROR(TimeBatches(*reader, RandomPages(guest_bytes, 3), reads / 10, batch_us));
    for (const std::size_t bytes : {std::size_t{8}, kPageBytes}) {
      Samples us;
      SF_RETURN_IF_ERROR(TimeReads(read, RandomPages(guest_bytes, 3), bytes, reads, us));
      const bool batched = bytes == kPageBytes && name != "gRPC, a call each";
      table.AddRow({name, Count(bytes), Number{us.Median()}, Number{us.Quantile(0.99)},
                    batched ? Cell(Number{batch_us.Median() / kBatchReads}) : Cell("")});
    }
  }
  report.Add(std::move(table));
  return absl::OkStatus();
}

}  // namespace stillframe::bench
