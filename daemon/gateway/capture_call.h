// Answers CaptureSnapshot: asks the daemon and waits without a thread; cancelling withdraws it.
//
// Deletes itself when gRPC is done with it.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "base/mutex.h"
#include "gateway/gateway_call.h"
#include "local/client.h"
#include "stillframe/v1/snapshot_service.pb.h"

namespace stillframe {

class CaptureCall final : public grpc::ServerUnaryReactor {
 public:
  CaptureCall(std::unique_ptr<GatewayCall> call, std::shared_ptr<LocalClient> client,
              v1::CaptureSnapshotResponse* response);

  // Once, before the reactor is given to gRPC. `guest` as it is called towards the daemon.
  void Capture(const std::string& guest);

  void OnCancel() override;
  void OnDone() override { delete this; }

 private:
  void End(absl::StatusOr<v1::Snapshot> result) ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<GatewayCall> call_;
  const std::shared_ptr<LocalClient> client_;
  v1::CaptureSnapshotResponse* const response_;

  Mutex mu_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;

  std::unique_ptr<LocalClient::Operation> operation_;  // last: no callback once it is gone
};

}  // namespace stillframe
