#include "grpc_page_stream.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <string>
#include <utility>
#include <vector>

#include "grpc_status.h"
#include "pages_message.h"
#include "read_check.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {
namespace {

constexpr char kMethod[] = "/stillframe.v1.MemoryService/ReadPages";

// A generic call, one operation at a time on a queue of its own: what a synchronous call is,
// but for messages that stay slices.
class RawCall {
 public:
  RawCall(const GrpcChannels& channels, grpc::ClientContext& context)
      : call_(grpc::GenericStub(channels.bulk).PrepareCall(&context, kMethod, &queue_)) {
    call_->StartCall(this);
    Wait();
  }

  ~RawCall() {
    queue_.Shutdown();
    while (Next()) {
    }
  }

  void Send(const std::string& request) {
    const grpc::Slice slice(request);
    call_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), this);
    Wait();
  }

  bool Read(grpc::ByteBuffer& message) {
    call_->Read(&message, this);
    return Wait();
  }

  grpc::Status Finish() {
    grpc::Status status;
    call_->Finish(&status, this);
    Wait();
    return status;
  }

 private:
  bool Next() {
    void* tag = nullptr;
    return queue_.Next(&tag, &ok_);
  }
  bool Wait() { return Next() && ok_; }

  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool ok_ = false;
};

std::string RequestOf(const v1::SnapshotSelector& selector, std::span<const GfnRange> ranges,
                      EmptyRuns empty, std::uint32_t chunk_bytes) {
  v1::ReadPagesRequest request;
  *request.mutable_snapshot() = selector;
  for (const GfnRange& range : ranges) {
    auto* wanted = request.add_ranges();
    wanted->set_first_gfn(range.first.value);
    wanted->set_page_count(range.pages);
  }
  request.set_chunk_bytes(chunk_bytes);
  request.set_skip_empty(empty == EmptyRuns::kSkip);
  return request.SerializeAsString();
}

}  // namespace

absl::Status StreamPages(const GrpcChannels& channels, const v1::SnapshotSelector& selector,
                         std::span<const GfnRange> ranges, EmptyRuns empty, const RunSink& sink,
                         std::stop_token stop, std::uint32_t chunk_bytes) {
  grpc::ClientContext context;
  std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
  RawCall call(channels, context);
  call.Send(RequestOf(selector, ranges, empty, chunk_bytes));

  ReadCheck check(ranges, empty);
  grpc::ByteBuffer buffer;
  std::vector<std::byte> scratch;
  PagesMessage message;
  absl::Status status;
  while (status.ok() && call.Read(buffer)) {
    status = DecodePages(buffer, scratch, message);
    if (!status.ok() || message.run.range.empty()) continue;
    status = check.Accept(message.run);
    if (status.ok()) status = sink(message.run);
  }
  if (!status.ok()) context.TryCancel();
  const absl::Status ended = FromGrpc(call.Finish(), channels.target);
  if (!status.ok()) return status;
  return ended.ok() ? check.Finish() : ended;
}

}  // namespace stillframe
