#include "gateway/read_pages_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>
#include <vector>

#include "gateway/run_header.h"

namespace stillframe {
namespace {

grpc::ByteBuffer Describe(const PinnedSnapshot& snapshot) {
  v1::ReadPagesResponse response;
  *response.mutable_snapshot() = snapshot.metadata();
  grpc::ByteBuffer buffer;
  bool own_buffer = false;
  const grpc::Status serialized =
      grpc::SerializationTraits<v1::ReadPagesResponse>::Serialize(response, &buffer, &own_buffer);
  static_cast<void>(serialized);  // fails only for messages past 2 GiB
  return buffer;
}

// `hold`: released once per piece; null without pieces.
grpc::ByteBuffer Encode(const ReadChunk& chunk, InFlight::Hold* hold) {
  const std::uint64_t payload_bytes = hold == nullptr ? 0 : chunk.range.bytes();
  const RunHeader header(chunk.range, StatusOf(chunk.state), payload_bytes);
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + chunk.pieces.size());
  slices.emplace_back(header.bytes().data(), header.bytes().size());
  for (const std::span<const std::byte> piece : chunk.pieces) {
    // gRPC takes slices as mutable and never writes them; the mapping is read-only besides.
    slices.emplace_back(const_cast<std::byte*>(piece.data()), piece.size(),
                        &InFlight::Hold::Release, hold);
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace

ReadPagesStream::ReadPagesStream(std::unique_ptr<GatewayCall> owner, ReadPlan plan)
    : StreamWriter(std::move(owner)),
      plan_(std::move(plan)),
      in_flight_(std::make_shared<InFlight>(
          call().context().budgets.Of(call().principal().name, call().limits().inflight_bytes_max),
          plan_.snapshot(), call().context().limits.inflight_bytes_per_stream_max, id())) {}

ReadPagesStream::Step ReadPagesStream::Next(grpc::ByteBuffer& response, absl::Status& end) {
  if (!described_) {
    described_ = true;
    response = Describe(*plan_.snapshot());
    return Step::kWrite;
  }
  if (!has_chunk_) {
    switch (plan_.Next(chunk_)) {
      case ReadPlan::Step::kChunk:
        break;
      case ReadPlan::Step::kYield:
        return Step::kYield;
      case ReadPlan::Step::kEnd:
        return End(end);
    }
    has_chunk_ = true;
  }
  InFlight::Hold* hold = nullptr;
  if (!chunk_.pieces.empty()) {
    hold = in_flight_->Take(chunk_.range.bytes(), chunk_.pieces.size());
    if (hold == nullptr) {
      return in_flight_->waits_for_reader() ? Step::kWaitForReader : Step::kWait;
    }
  }
  response = Encode(chunk_, hold);
  if (hold != nullptr) call().TellBytes(chunk_.range.bytes());
  has_chunk_ = false;
  return Step::kWrite;
}

ReadPagesStream::Step ReadPagesStream::End(absl::Status& end) {
  // A written message may still be on its way out of the mapped memory: whether the pin held is
  // known only after the last slice was let go.
  if (!in_flight_->Drained()) return Step::kWaitForReader;
  end = in_flight_->snapshot().CheckHeld();
  return Step::kEnd;
}

}  // namespace stillframe
