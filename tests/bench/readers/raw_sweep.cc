#include "bench/readers/raw_sweep.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "bench/support/samples.h"

namespace stillframe::bench {
namespace {

constexpr std::uint32_t kSweepKib = 1024;
constexpr std::uint32_t kMib = 1024 * kSweepKib;

// Under TLS a receive brings a record of 16 KiB at the most.
std::vector<std::pair<std::uint32_t, Wake>> ReceivesToTry(Transport transport) {
  if (transport == Transport::kTls) return {{16 * kSweepKib, Wake::kAnyByte}};
  return {{64 * kSweepKib, Wake::kAnyByte},
          {256 * kSweepKib, Wake::kAnyByte},
          {256 * kSweepKib, Wake::kHalfFull},
          {kMib, Wake::kAnyByte},
          {kMib, Wake::kHalfFull}};
}

std::vector<RawWay> WaysToTry(Transport transport) {
  std::vector<RawWay> ways;
  for (const std::uint32_t buffer_bytes : {std::uint32_t{0}, 4 * kMib}) {
    for (const std::uint32_t send_bytes : {64 * kSweepKib, 256 * kSweepKib, kMib, 4 * kMib}) {
      for (const auto& [receive_bytes, wake] : ReceivesToTry(transport)) {
        ways.push_back({send_bytes, receive_bytes, buffer_bytes, wake});
      }
    }
  }
  return ways;
}

// A way that is still in the race.
struct Runner {
  RawWay way;
  ParallelStreams streams;
  Samples seconds = {};
};

}  // namespace

absl::StatusOr<ParallelStreams> RawStreams(const BenchServer& server, Transport transport,
                                           std::size_t readers, const RawWay& way) {
  ParallelStreams streams{NameOf(way), {}};
  for (std::size_t i = 0; i < readers; ++i) {
    SF_ASSIGN_OR_RETURN(RawReader connected, RawReader::Connect(server, transport, way));
    auto reader = std::make_shared<RawReader>(std::move(connected));
    streams.readers.push_back(
        [reader](GfnRange part, Delivered& delivered) { return reader->Stream(part, delivered); });
  }
  return streams;
}

absl::StatusOr<std::vector<RawWay>> FastestWays(const BenchServer& server, Transport transport,
                                                std::size_t readers, std::uint64_t bytes,
                                                std::size_t count) {
  SF_ASSIGN_OR_RETURN(StreamMeter meter, StreamMeter::Create(server, bytes));
  std::vector<Runner> runners;
  for (const RawWay& way : WaysToTry(transport)) {
    SF_ASSIGN_OR_RETURN(ParallelStreams streams, RawStreams(server, transport, readers, way));
    SF_RETURN_IF_ERROR(meter.Measure(streams).status());  // the kernel learns how much to buffer
    runners.push_back({way, std::move(streams)});
  }
  while (runners.size() > count) {
    for (Runner& runner : runners) {
      SF_ASSIGN_OR_RETURN(const StreamCost cost, meter.Measure(runner.streams));
      runner.seconds.Add(cost.seconds);
    }
    std::sort(runners.begin(), runners.end(), [](const Runner& a, const Runner& b) {
      return a.seconds.Median() < b.seconds.Median();
    });
    runners.resize(std::max(count, runners.size() / 2));
  }
  std::vector<RawWay> fastest;
  for (const Runner& runner : runners) fastest.push_back(runner.way);
  return fastest;
}

}  // namespace stillframe::bench
