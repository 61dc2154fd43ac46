// Answers ReadScatter: batches of small reads, copied, one response for each request.
//
// Deletes itself when gRPC is done with it. One operation is open at a time, so it needs no lock.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "gateway/gateway_context.h"
#include "stillframe/v1/memory_service.pb.h"

namespace stillframe {

class ReadScatterStream final
    : public grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>,
      private StreamWarden::Stream {
 public:
  ReadScatterStream(GatewayContext& context, grpc::CallbackServerContext* call,
                    std::unique_ptr<Quota::Lease> lease);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  void OnTurn() override {}
  void OnStall() override { call_->TryCancel(); }

  // Fills in response_ for request_.
  absl::Status Answer();
  absl::Status CheckBatch() const;

  GatewayContext& context_;
  grpc::CallbackServerContext* const call_;
  const std::unique_ptr<Quota::Lease> lease_;
  std::shared_ptr<PinnedSnapshot> snapshot_;
  v1::ReadScatterRequest request_;
  v1::ReadScatterResponse response_;
  StreamWarden::Ticket ticket_;
};

// As a stream that ends with `status` before it began.
grpc::ServerBidiReactor<v1::ReadScatterRequest, v1::ReadScatterResponse>* RefuseScatter(
    const absl::Status& status);

}  // namespace stillframe
