#include "grpc_scatter_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"
#include "grpc_status.h"

namespace stillframe {
namespace {

// memory_service.proto: a read and a batch of reads carry at most this much.
constexpr std::size_t kReadBytesMax = std::size_t{1} << 20;
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
constexpr std::size_t kBatchReadsMax = 1024;

}  // namespace

GrpcScatterStream::GrpcScatterStream(std::shared_ptr<const GrpcChannels> channels,
                                     v1::SnapshotSelector selector)
    : channels_(std::move(channels)),
      selector_(std::move(selector)),
      stub_(v1::MemoryService::NewStub(channels_->calls)) {}

GrpcScatterStream::~GrpcScatterStream() {
  if (stream_ == nullptr) return;
  context_->TryCancel();
  Close().IgnoreError();
}

absl::Status GrpcScatterStream::Read(std::span<ScatterRead> reads) {
  std::vector<Piece> batch;
  std::size_t batch_bytes = 0;
  const auto flush = [&] {
    const absl::Status status = batch.empty() ? absl::OkStatus() : ReadBatch(batch);
    batch.clear();
    batch_bytes = 0;
    return status;
  };
  for (ScatterRead& read : reads) {
    read.copied = 0;
    read.status = v1::PAGE_STATUS_PRESENT;
    std::size_t offset = 0;
    while (offset < read.destination.size()) {
      const std::size_t length = std::min(read.destination.size() - offset, kReadBytesMax);
      if (batch_bytes + length > kBatchBytesMax || batch.size() == kBatchReadsMax) {
        SF_RETURN_IF_ERROR(flush());
      }
      batch.push_back({&read, offset, static_cast<std::uint32_t>(length)});
      batch_bytes += length;
      offset += length;
    }
  }
  return flush();
}

// Reading is idempotent and the snapshot named exactly: a stream that broke is replaced once.
absl::Status GrpcScatterStream::ReadBatch(std::span<const Piece> batch) {
  const bool fresh = stream_ == nullptr;
  const absl::Status status = Exchange(batch);
  return absl::IsUnavailable(status) && !fresh ? Exchange(batch) : status;
}

absl::Status GrpcScatterStream::Exchange(std::span<const Piece> batch) {
  request_.Clear();
  if (stream_ == nullptr) {
    context_ = std::make_unique<grpc::ClientContext>();
    stream_ = stub_->ReadScatter(context_.get());
    *request_.mutable_snapshot() = selector_;
  }
  for (const Piece& piece : batch) {
    auto* wanted = request_.add_reads();
    wanted->set_address(piece.read->address + piece.offset);
    wanted->set_length(piece.length);
  }
  if (!stream_->Write(request_) || !stream_->Read(&response_)) {
    const absl::Status status = Close();
    return status.ok() ? absl::UnavailableError("scatter read: the gateway ended the stream")
                       : status;
  }
  return TakeResults(batch);
}

absl::Status GrpcScatterStream::TakeResults(std::span<const Piece> batch) const {
  if (static_cast<std::size_t>(response_.results_size()) != batch.size() ||
      response_.generation() != selector_.generation()) {
    return absl::DataLossError(fmt::format(
        "scatter read: asked generation {} for {} reads, got {} of generation {}",
        selector_.generation(), batch.size(), response_.results_size(), response_.generation()));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const auto& result = response_.results(static_cast<int>(i));
    const Piece& piece = batch[i];
    const bool complete = result.status() == v1::PAGE_STATUS_PRESENT;
    if (result.data().size() > piece.length || (complete && result.data().size() != piece.length)) {
      return absl::DataLossError(fmt::format("scatter read: asked {} bytes at {:#x}, got {}",
                                             piece.length, piece.read->address + piece.offset,
                                             result.data().size()));
    }
    // A piece before this one ended early: what follows the first absent page does not count.
    if (piece.read->copied != piece.offset) continue;
    std::memcpy(piece.read->destination.data() + piece.offset, result.data().data(),
                result.data().size());
    piece.read->copied += result.data().size();
    piece.read->status = result.status();
  }
  return absl::OkStatus();
}

absl::Status GrpcScatterStream::Close() {
  stream_->WritesDone();
  const absl::Status status = FromGrpc(stream_->Finish(), channels_->target);
  stream_.reset();
  context_.reset();
  return status;
}

}  // namespace stillframe
