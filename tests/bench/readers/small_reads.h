// Small reads of the guest's memory over a connection, one at a time and in batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "bench/server/bench_server.h"
#include "bench/support/samples.h"
#include "stillframe/snapshot_reader.h"

namespace stillframe::bench {

using SmallRead =
    std::function<absl::Status(std::uint64_t address, std::span<std::byte> destination)>;

// A request and its answer on a raw socket.
absl::StatusOr<SmallRead> RawPingPong(const BenchServer& server, Transport transport);

// Generation 1 as the product's client reads it from the gateway.
absl::StatusOr<std::shared_ptr<SnapshotReader>> OpenRemote(const BenchServer& server,
                                                           Transport transport);

// On the reader's long-lived stream.
SmallRead OnStream(std::shared_ptr<SnapshotReader> reader);

// A call of its own for each, ReadPages of the page that `address` lies in; nothing smaller.
SmallRead ByCall(std::shared_ptr<SnapshotReader> reader);

// Where the reads of a measurement go: pages at random, the same ones for all.
class RandomPages {
 public:
  RandomPages(std::uint64_t guest_bytes, std::uint64_t seed)
      : pages_(guest_bytes >> kPageShift), state_(seed) {}

  // The address of the next one. Inlined and without a division: it is part of what is measured.
  std::uint64_t Next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 32) * pages_ >> 32 << kPageShift;
  }

 private:
  std::uint64_t pages_;  // below 2^32
  std::uint64_t state_;
};

// Adds the microseconds that each of `count` reads of `bytes` took.
absl::Status TimeReads(const SmallRead& read, RandomPages pages, std::size_t bytes, int count,
                       Samples& us);

inline constexpr std::size_t kBatchReads = 64;

// Adds the microseconds that each batch of kBatchReads pages took.
absl::Status TimeBatches(SnapshotReader& reader, RandomPages pages, int batches, Samples& us);

}  // namespace stillframe::bench
