// Answers ReadScatter: batches of small reads, copied, one response for each request.
//
// Deletes itself when gRPC is done with it. One operation is open at a time, so it needs no lock.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "gateway/gateway_call.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {

class ReadScatterStream final
    : public grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>,
      private StreamWarden::Stream {
 public:
  explicit ReadScatterStream(std::unique_ptr<GatewayCall> call);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  // It may wait long for a request: whoever may do nothing any more is not waited for.
  void OnTurn() override {
    if (call_->Revoked()) call_->grpc()->TryCancel();
  }
  void OnStall() override { call_->grpc()->TryCancel(); }

  // Fills in response_ for request_.
  absl::Status Answer();
  absl::Status CheckBatch() const;

  void End(const absl::Status& status);

  const std::unique_ptr<GatewayCall> call_;
  std::shared_ptr<PinnedSnapshot> snapshot_;
  v1::ReadScatterRequest request_;
  v1::ReadScatterResponse response_;
  StreamWarden::Ticket ticket_;
};

// As a stream that ends with `status` before it began.
grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>* RefuseScatter(
    const absl::Status& status);

}  // namespace stillframe
