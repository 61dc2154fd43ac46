#include "bench/readers/small_reads.h"

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"
#include "bench/readers/raw_reader.h"
#include "bench/server/bench_daemon.h"
#include "bench/support/interleaved.h"
#include "stillframe/connection.h"

namespace stillframe::bench {

absl::StatusOr<SmallRead> RawPingPong(const BenchServer& server, Transport transport) {
  SF_ASSIGN_OR_RETURN(RawReader connected, RawReader::Connect(server, transport, {}));
  auto reader = std::make_shared<RawReader>(std::move(connected));
  return [reader](std::uint64_t address, std::span<std::byte> destination) {
    return reader->ReadAt(address, destination);
  };
}

absl::StatusOr<std::shared_ptr<SnapshotReader>> OpenRemote(const BenchServer& server,
                                                           Transport transport) {
  SF_ASSIGN_OR_RETURN(const auto connection,
                      Connection::Open(server.gateway(transport), server.tls(transport)));
  return connection->OpenSnapshot(Select(kBenchGuest, 1));
}

SmallRead OnStream(std::shared_ptr<SnapshotReader> reader) {
  return [reader = std::move(reader)](std::uint64_t address, std::span<std::byte> destination) {
    return reader->ReadAt(address, destination);
  };
}

SmallRead ByCall(std::shared_ptr<SnapshotReader> reader) {
  return [reader = std::move(reader)](std::uint64_t address, std::span<std::byte> destination) {
    const GfnRange page{Gfn::OfAddress(address), 1};
    const std::size_t offset = address % kPageBytes;
    return reader->ReadPages({&page, 1}, EmptyRuns::kReport, [&](const PageRun& run) {
      std::memcpy(destination.data(), run.bytes.data() + offset, destination.size());
      return absl::OkStatus();
    });
  };
}

absl::Status TimeReads(const SmallRead& read, RandomPages pages, std::size_t bytes, int count,
                       Samples& us) {
  std::vector<std::byte> destination(bytes);
  absl::Status status;
  for (int i = 0; i < count && status.ok(); ++i) {
    const std::uint64_t address = pages.Next();
    us.Add(SecondsOf([&] { status = read(address, destination); }) * 1e6);
  }
  return status;
}

absl::Status TimeBatches(SnapshotReader& reader, RandomPages pages, int batches, Samples& us) {
  std::vector<std::array<std::byte, kPageBytes>> memory(kBatchReads);
  std::vector<ScatterRead> reads(kBatchReads);
  absl::Status status;
  for (int batch = 0; batch < batches && status.ok(); ++batch) {
    for (std::size_t i = 0; i < kBatchReads; ++i) reads[i] = {pages.Next(), memory[i]};
    us.Add(SecondsOf([&] { status = reader.ReadScatter(reads); }) * 1e6);
  }
  return status;
}

}  // namespace stillframe::bench
