#include "bench/readers/raw_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace stillframe::bench {
namespace {

constexpr std::uint32_t kKib = 1024;

}  // namespace

std::string NameOf(const RawWay& way) {
  return fmt::format("raw, {} KiB sends, {} KiB receives{}{}", way.send_bytes / kKib,
                     way.receive_bytes / kKib, way.wake == Wake::kHalfFull ? " half full" : "",
                     way.buffer_bytes == 0 ? "" : ", largest buffers");
}

absl::StatusOr<RawReader> RawReader::Connect(const BenchServer& server, Transport transport,
                                             const RawWay& way) {
  SslContext context;
  if (transport == Transport::kTls) {
    SF_ASSIGN_OR_RETURN(context, ClientTls());
  }
  SF_ASSIGN_OR_RETURN(ByteSocket socket, ByteSocket::Connect(server.raw(transport), context.get()));
  if (way.buffer_bytes != 0) socket.SetBufferBytes(way.buffer_bytes);
  return RawReader(std::move(socket), way);
}

absl::Status RawReader::Stream(GfnRange part, Delivered& delivered) {
  const RawRequest request{part.first.address(), part.bytes(), way_.send_bytes, way_.buffer_bytes};
  SF_RETURN_IF_ERROR(socket_.Send(&request, sizeof request));
  const std::uint64_t awaited = way_.wake == Wake::kHalfFull ? way_.receive_bytes / 2 : 1;
  socket_.SetLowWaterBytes(awaited);
  while (delivered.bytes() < part.bytes()) {
    const std::uint64_t left = part.bytes() - delivered.bytes();
    // A receive that took some bytes already wakes only for as many again.
    if (left < 2 * awaited) socket_.SetLowWaterBytes(1);
    SF_ASSIGN_OR_RETURN(
        const std::size_t received,
        socket_.ReceiveSome(buffer_.data(), std::min<std::uint64_t>(left, buffer_.size())));
    delivered.Take({buffer_.data(), received});
  }
  return absl::OkStatus();
}

absl::Status RawReader::ReadAt(std::uint64_t address, std::span<std::byte> destination) {
  const RawRequest request{address, destination.size(), destination.size(), 0};
  SF_RETURN_IF_ERROR(socket_.Send(&request, sizeof request));
  return socket_.Receive(destination.data(), destination.size());
}

}  // namespace stillframe::bench
