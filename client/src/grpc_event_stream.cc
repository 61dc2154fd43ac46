#include "grpc_event_stream.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "base/status.h"
#include "grpc_status.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"

namespace stillframe {
namespace {

class GrpcEventStream final : public EventStream {
 public:
  GrpcEventStream(std::shared_ptr<const GrpcChannels> channels, const std::stop_token& stop)
      : channels_(std::move(channels)),
        stub_(v1::SnapshotService::NewStub(channels_->calls)),
        cancel_(stop, Cancel{&context_}) {}

  ~GrpcEventStream() override {
    context_.TryCancel();
    if (call_ != nullptr) call_->Finish();
  }

  absl::Status Start(const WatchOptions& from) {
    v1::WatchSnapshotsRequest request;
    request.set_guest(from.guest);
    request.set_from_generation(from.from_generation);
    request.set_epoch(from.epoch);
    call_ = stub_->WatchSnapshots(&context_, request);
    v1::WatchSnapshotsResponse established;
    return call_->Read(&established) ? absl::OkStatus() : End();
  }

  absl::StatusOr<v1::SnapshotEvent> Next() override {
    v1::WatchSnapshotsResponse response;
    while (call_ != nullptr && call_->Read(&response)) {
      if (response.has_event()) return std::move(*response.mutable_event());
    }
    return End();
  }

 private:
  struct Cancel {
    grpc::ClientContext* context;
    void operator()() const { context->TryCancel(); }
  };

  // A watch has no good end: a gateway that ends it in order is going away.
  absl::Status End() {
    if (call_ == nullptr) return absl::UnavailableError("watch: the stream has ended");
    const absl::Status status = FromGrpc(call_->Finish(), channels_->target);
    call_.reset();
    return status.ok() ? absl::UnavailableError("watch: the gateway ended the stream") : status;
  }

  const std::shared_ptr<const GrpcChannels> channels_;
  const std::unique_ptr<v1::SnapshotService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchSnapshotsResponse>> call_;
  std::stop_callback<Cancel> cancel_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventStream>> OpenGrpcEventStream(
    std::shared_ptr<const GrpcChannels> channels, const WatchOptions& from,
    const std::stop_token& stop) {
  auto stream = std::make_unique<GrpcEventStream>(std::move(channels), stop);
  SF_RETURN_IF_ERROR(stream->Start(from));
  return stream;
}

}  // namespace stillframe
