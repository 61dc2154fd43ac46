// stillframe.v1.MemoryService.
#pragma once

#include "gateway/gateway_call.h"
#include "stillframe/v1/memory_service.grpc.pb.h"

namespace stillframe {

// ReadPages is raw: its responses are assembled from mapped memory.
class MemoryService final : public v1::MemoryService::WithRawCallbackMethod_ReadPages<
                                v1::MemoryService::WithCallbackMethod_ReadScatter<
                                    v1::MemoryService::WithCallbackMethod_ReadMachineFrames<
                                        v1::MemoryService::Service>>> {
 public:
  explicit MemoryService(GatewayContext& context) : context_(context) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadPages(grpc::CallbackServerContext* call,
                                                        const grpc::ByteBuffer* request) override;
  grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>* ReadScatter(
      grpc::CallbackServerContext* call) override;
  grpc::ServerWriteReactor<v1::ReadMachineFramesResponse>* ReadMachineFrames(
      grpc::CallbackServerContext* call, const v1::ReadMachineFramesRequest* request) override;

 private:
  GatewayContext& context_;
};

}  // namespace stillframe
