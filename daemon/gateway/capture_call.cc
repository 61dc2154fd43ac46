#include "gateway/capture_call.h"

#include <utility>

#include "gateway/grpc_status.h"

namespace stillframe {

CaptureCall::CaptureCall(std::unique_ptr<GatewayCall> call, std::shared_ptr<LocalClient> client,
                         v1::CaptureSnapshotResponse* response)
    : call_(std::move(call)), client_(std::move(client)), response_(response) {}

void CaptureCall::Capture(const std::string& guest) {
  operation_ = client_->Capture(
      guest, [this](absl::StatusOr<v1::Snapshot> result) { End(std::move(result)); });
}

void CaptureCall::OnCancel() {
  operation_.reset();
  End(absl::CancelledError("capture: withdrawn by the caller"));
}

void CaptureCall::End(absl::StatusOr<v1::Snapshot> result) {
  {
    MutexLock lock(mu_);
    if (ended_) return;
    ended_ = true;
  }
  call_->End(result.status());
  if (result.ok()) {
    call_->Tell(*result);
    call_->Redact(*result);
    *response_->mutable_snapshot() = std::move(*result);
  }
  Finish(ToGrpc(result.status()));
}

}  // namespace stillframe
