#include "gateway/read_scatter_stream.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/grpc_status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kReadBytesMax = std::uint64_t{1} << 20;
constexpr std::uint64_t kBatchBytesMax = std::uint64_t{4} << 20;

absl::Status RangeInvalid(const v1::ReadScatterRequest::Read& read, std::string_view why) {
  return WithReason(absl::InvalidArgumentError(fmt::format("read {} bytes at {:#x}: {}",
                                                           read.length(), read.address(), why)),
                    "RANGE_INVALID");
}

}  // namespace

ReadScatterStream::ReadScatterStream(std::unique_ptr<GatewayCall> call)
    : call_(std::move(call)), ticket_(call_->context().warden, *this) {
  StartRead(&request_);
}

void ReadScatterStream::End(const absl::Status& status) {
  call_->End(status);
  Finish(ToGrpc(status));
}

void ReadScatterStream::OnReadDone(bool ok) {
  if (!ok) {
    End(absl::OkStatus());  // the caller has no more requests, or is gone
    return;
  }
  const absl::Status answered = Answer();
  if (!answered.ok()) {
    End(answered);
    return;
  }
  ticket_.Arm();
  StartWrite(&response_);
}

void ReadScatterStream::OnWriteDone(bool ok) {
  ticket_.Disarm();
  if (!ok) {
    End(absl::CancelledError("the caller went away"));
    return;
  }
  StartRead(&request_);
}

absl::Status ReadScatterStream::CheckBatch() const {
  const std::uint32_t reads_max = call_->context().limits.batch_reads_max;
  if (static_cast<std::uint64_t>(request_.reads_size()) > reads_max) {
    return LimitExceeded(fmt::format("a batch of {} reads", request_.reads_size()),
                         "batch_reads_max", reads_max);
  }
  std::uint64_t batch_bytes = 0;
  for (const v1::ReadScatterRequest::Read& read : request_.reads()) {
    if (read.length() == 0) return RangeInvalid(read, "a read needs at least one byte");
    if (read.length() > kReadBytesMax) return RangeInvalid(read, "a read has at most 1 MiB");
    if (read.address() + read.length() < read.address()) {
      return RangeInvalid(read, "it ends past 2^64");
    }
    batch_bytes += read.length();
  }
  if (batch_bytes > kBatchBytesMax) {
    return LimitExceeded(fmt::format("a batch of {} bytes", batch_bytes), "batch_bytes_max",
                         kBatchBytesMax);
  }
  return call_->CheckRequestBytes(batch_bytes);
}

absl::Status ReadScatterStream::Answer() {
  SF_RETURN_IF_ERROR(call_->CheckStill());
  if (request_.has_snapshot()) {
    SF_ASSIGN_OR_RETURN(snapshot_, call_->Pin(request_.snapshot(), Right::kRead));
  }
  if (snapshot_ == nullptr) return RequestInvalid("read: the first request names no snapshot");
  SF_RETURN_IF_ERROR(CheckBatch());

  response_.Clear();
  response_.set_epoch(snapshot_->metadata().epoch());
  response_.set_generation(snapshot_->metadata().generation());
  for (const v1::ReadScatterRequest::Read& read : request_.reads()) {
    v1::ReadScatterResponse::Result& result = *response_.add_results();
    std::string& data = *result.mutable_data();
    data.resize(read.length());
    SF_ASSIGN_OR_RETURN(const PinnedSnapshot::ReadResult done,
                        snapshot_->Read(read.address(), std::as_writable_bytes(
                                                            std::span(data.data(), data.size()))));
    data.resize(done.copied);
    call_->TellBytes(done.copied);
    result.set_status(StatusOf(done.state));
  }
  return snapshot_->CheckHeld();
}

grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>* RefuseScatter(
    const absl::Status& status) {
  class Refused : public grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse> {
   public:
    explicit Refused(const grpc::Status& refusal) { Finish(refusal); }
    void OnDone() override { delete this; }
  };
  return new Refused(ToGrpc(status));
}

}  // namespace stillframe
