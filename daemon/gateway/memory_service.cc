#include "gateway/memory_service.h"

#include <utility>

#include "base/status.h"
#include "gateway/machine_frames_plan.h"
#include "gateway/machine_frames_stream.h"
#include "gateway/read_pages_stream.h"
#include "gateway/read_plan.h"
#include "gateway/read_scatter_stream.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

absl::StatusOr<v1::ReadPagesRequest> Parse(const grpc::ByteBuffer& bytes) {
  grpc::ByteBuffer buffer(bytes);  // shares the bytes; parsing consumes it
  v1::ReadPagesRequest request;
  if (!grpc::SerializationTraits<v1::ReadPagesRequest>::Deserialize(&buffer, &request).ok()) {
    return RequestInvalid("read pages: the request cannot be parsed");
  }
  return request;
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* MemoryService::ReadPages(
    grpc::CallbackServerContext* call, const grpc::ByteBuffer* request_bytes) {
  const auto make = [&]() -> absl::StatusOr<ReadPagesStream*> {
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("read pages", call->peer()));
    SF_ASSIGN_OR_RETURN(const v1::ReadPagesRequest request, Parse(*request_bytes));
    SF_ASSIGN_OR_RETURN(auto snapshot, context_.link.Pin(request.snapshot()));
    SF_ASSIGN_OR_RETURN(ReadPlan plan,
                        ReadPlan::Create(std::move(snapshot), request, context_.limits));
    return new ReadPagesStream(context_, call, std::move(lease), std::move(plan));
  };
  const absl::StatusOr<ReadPagesStream*> stream = make();
  if (!stream.ok()) return RefuseStream<grpc::ByteBuffer>(stream.status());
  (*stream)->Start();
  return *stream;
}

grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>*
MemoryService::ReadScatter(grpc::CallbackServerContext* call) {
  auto lease = context_.streams->Take("scatter reads", call->peer());
  if (!lease.ok()) return RefuseScatter(lease.status());
  return new ReadScatterStream(context_, call, *std::move(lease));
}

grpc::ServerWriteReactor<v1::ReadMachineFramesResponse>* MemoryService::ReadMachineFrames(
    grpc::CallbackServerContext* call, const v1::ReadMachineFramesRequest* request) {
  const auto make = [&]() -> absl::StatusOr<MachineFramesStream*> {
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("read machine frames", call->peer()));
    SF_ASSIGN_OR_RETURN(auto snapshot, context_.link.Pin(request->snapshot()));
    SF_ASSIGN_OR_RETURN(MachineFramesPlan plan,
                        MachineFramesPlan::Create(std::move(snapshot), *request, context_.limits));
    return new MachineFramesStream(context_, call, std::move(lease), std::move(plan));
  };
  const absl::StatusOr<MachineFramesStream*> stream = make();
  if (!stream.ok()) return RefuseStream<v1::ReadMachineFramesResponse>(stream.status());
  (*stream)->Start();
  return *stream;
}

}  // namespace stillframe
