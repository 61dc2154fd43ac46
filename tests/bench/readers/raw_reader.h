// A client of the raw server (server/raw_server.h): what any protocol is measured against.
//
// Owned by one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "bench/readers/delivered.h"
#include "bench/server/bench_server.h"
#include "bench/server/byte_socket.h"

namespace stillframe::bench {

// When a receive returns: a receiver that wakes for each packet hinders the sender.
enum class Wake : std::uint8_t { kAnyByte, kHalfFull };

// How a raw peer moves bytes.
struct RawWay {
  std::uint32_t send_bytes = 256 << 10;     // of one send
  std::uint32_t receive_bytes = 256 << 10;  // of one receive, always into the same memory
  std::uint32_t buffer_bytes = 0;           // SO_SNDBUF, SO_RCVBUF; 0: as the kernel sees fit
  Wake wake = Wake::kAnyByte;
};

std::string NameOf(const RawWay& way);

class RawReader {
 public:
  static absl::StatusOr<RawReader> Connect(const BenchServer& server, Transport transport,
                                           const RawWay& way);

  absl::Status Stream(GfnRange part, Delivered& delivered);

  // One request, one answer.
  absl::Status ReadAt(std::uint64_t address, std::span<std::byte> destination);

 private:
  RawReader(ByteSocket socket, const RawWay& way)
      : way_(way), socket_(std::move(socket)), buffer_(way.receive_bytes) {}

  RawWay way_;
  ByteSocket socket_;
  std::vector<std::byte> buffer_;
};

}  // namespace stillframe::bench
