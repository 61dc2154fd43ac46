// stillframe.v1.SnapshotService.
#pragma once

#include "gateway/gateway_call.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"

namespace stillframe {

class SnapshotService final : public v1::SnapshotService::CallbackService {
 public:
  explicit SnapshotService(GatewayContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* call,
                                          const v1::ListSnapshotsRequest* request,
                                          v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* GetSnapshot(grpc::CallbackServerContext* call,
                                        const v1::GetSnapshotRequest* request,
                                        v1::GetSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* CaptureSnapshot(grpc::CallbackServerContext* call,
                                            const v1::CaptureSnapshotRequest* request,
                                            v1::CaptureSnapshotResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSnapshotsResponse>* WatchSnapshots(
      grpc::CallbackServerContext* call, const v1::WatchSnapshotsRequest* request) override;
  grpc::ServerWriteReactor<v1::ListChangedExtentsResponse>* ListChangedExtents(
      grpc::CallbackServerContext* call, const v1::ListChangedExtentsRequest* request) override;
  grpc::ServerWriteReactor<v1::ListAllocatedExtentsResponse>* ListAllocatedExtents(
      grpc::CallbackServerContext* call, const v1::ListAllocatedExtentsRequest* request) override;

 private:
  absl::Status List(GatewayCall& call, const v1::ListSnapshotsRequest& request,
                    v1::ListSnapshotsResponse& response);

  GatewayContext& context_;
};

}  // namespace stillframe
