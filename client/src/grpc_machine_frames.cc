#include "grpc_machine_frames.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "base/status.h"
#include "grpc_status.h"
#include "machine_frames_check.h"
#include "stillframe/v1/memory_service.grpc.pb.h"

namespace stillframe {

absl::StatusOr<std::vector<std::uint64_t>> FetchMachineFrames(const GrpcChannels& channels,
                                                              const v1::SnapshotSelector& selector,
                                                              std::uint64_t page_count,
                                                              std::stop_token stop) {
  v1::ReadMachineFramesRequest request;
  *request.mutable_snapshot() = selector;
  grpc::ClientContext context;
  std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
  const auto stub = v1::MemoryService::NewStub(channels.bulk);
  const auto call = stub->ReadMachineFrames(&context, request);
  MachineFramesCheck check(page_count);
  v1::ReadMachineFramesResponse response;
  absl::Status accepted;
  while (accepted.ok() && call->Read(&response)) accepted = check.Accept(response);
  if (!accepted.ok()) context.TryCancel();
  const absl::Status ended = FromGrpc(call->Finish(), channels.target);
  SF_RETURN_IF_ERROR(accepted);
  SF_RETURN_IF_ERROR(ended);
  return check.Finish();
}

}  // namespace stillframe
