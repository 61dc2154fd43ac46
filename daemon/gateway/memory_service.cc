#include "gateway/memory_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
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

constexpr int kRangesTold = 16;

// For the record: "0x100+16,0x800+1"; no ranges mean all of the snapshot.
std::string RangesText(const google::protobuf::RepeatedPtrField<v1::PageRange>& ranges) {
  if (ranges.empty()) return "all";
  std::string text;
  for (int i = 0; i < std::min(ranges.size(), kRangesTold); ++i) {
    text +=
        fmt::format("{}{:#x}+{}", i == 0 ? "" : ",", ranges[i].first_gfn(), ranges[i].page_count());
  }
  if (ranges.size() > kRangesTold) text += fmt::format(",{} more", ranges.size() - kRangesTold);
  return text;
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* MemoryService::ReadPages(
    grpc::CallbackServerContext* grpc, const grpc::ByteBuffer* request_bytes) {
  const auto make = [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<ReadPagesStream*> {
    SF_ASSIGN_OR_RETURN(const v1::ReadPagesRequest request, Parse(*request_bytes));
    call->TellRanges(RangesText(request.ranges()));
    SF_ASSIGN_OR_RETURN(auto snapshot, call->Pin(request.snapshot(), Right::kRead));
    SF_ASSIGN_OR_RETURN(ReadPlan plan,
                        ReadPlan::Create(std::move(snapshot), request, context_.limits));
    SF_RETURN_IF_ERROR(call->CheckRequestBytes(plan.bytes()));
    return new ReadPagesStream(std::move(call), std::move(plan));
  };
  return ServeStream<grpc::ByteBuffer>(context_, grpc, "MemoryService/ReadPages", "read pages",
                                       make);
}

grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>*
MemoryService::ReadScatter(grpc::CallbackServerContext* grpc) {
  auto call = std::make_unique<GatewayCall>(context_, grpc, "MemoryService/ReadScatter");
  const absl::Status admitted = call->AdmitStream("scatter reads");
  if (admitted.ok()) return new ReadScatterStream(std::move(call));
  call->End(admitted);
  return RefuseScatter(admitted);
}

grpc::ServerWriteReactor<v1::ReadMachineFramesResponse>* MemoryService::ReadMachineFrames(
    grpc::CallbackServerContext* grpc, const v1::ReadMachineFramesRequest* request) {
  const auto make =
      [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<MachineFramesStream*> {
    call->TellRanges(RangesText(request->ranges()));
    SF_ASSIGN_OR_RETURN(auto snapshot, call->Pin(request->snapshot(), Right::kRead));
    SF_ASSIGN_OR_RETURN(MachineFramesPlan plan,
                        MachineFramesPlan::Create(std::move(snapshot), *request, context_.limits));
    return new MachineFramesStream(std::move(call), std::move(plan));
  };
  return ServeStream<v1::ReadMachineFramesResponse>(
      context_, grpc, "MemoryService/ReadMachineFrames", "read machine frames", make);
}

}  // namespace stillframe
