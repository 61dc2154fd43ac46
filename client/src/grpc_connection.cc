#include "grpc_connection.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <utility>

#include "base/status.h"
#include "grpc_event_stream.h"
#include "grpc_snapshot_reader.h"
#include "grpc_status.h"
#include "resuming_watch.h"
#include "stillframe/v1/access_service.grpc.pb.h"
#include "stillframe/v1/guest_service.grpc.pb.h"
#include "stillframe/v1/host_service.grpc.pb.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"

namespace stillframe {
namespace {

// A gateway that does not answer a question within this time is as good as gone.
constexpr std::chrono::seconds kAnswerWithin{30};

class GrpcConnection final : public Connection {
 public:
  explicit GrpcConnection(std::shared_ptr<const GrpcChannels> channels)
      : channels_(std::move(channels)),
        access_(v1::AccessService::NewStub(channels_->calls)),
        hosts_(v1::HostService::NewStub(channels_->calls)),
        guests_(v1::GuestService::NewStub(channels_->calls)),
        snapshots_(v1::SnapshotService::NewStub(channels_->calls)) {}

  absl::StatusOr<v1::Access> WhoAmI() override {
    v1::WhoAmIResponse response;
    SF_RETURN_IF_ERROR(Ask(
        [&](grpc::ClientContext& context) { return access_->WhoAmI(&context, {}, &response); }));
    return std::move(*response.mutable_access());
  }

  absl::StatusOr<v1::Host> GetHost() override {
    v1::GetHostResponse response;
    SF_RETURN_IF_ERROR(Ask(
        [&](grpc::ClientContext& context) { return hosts_->GetHost(&context, {}, &response); }));
    return std::move(*response.mutable_host());
  }

  absl::StatusOr<std::vector<v1::Guest>> ListGuests() override {
    std::vector<v1::Guest> guests;
    v1::ListGuestsRequest request;
    do {
      v1::ListGuestsResponse response;
      SF_RETURN_IF_ERROR(Ask([&](grpc::ClientContext& context) {
        return guests_->ListGuests(&context, request, &response);
      }));
      SF_RETURN_IF_ERROR(CheckPage(request.page_token(), response.next_page_token()));
      guests.insert(guests.end(), response.guests().begin(), response.guests().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return guests;
  }

  absl::StatusOr<v1::Guest> GetGuest(const std::string& guest) override {
    v1::GetGuestRequest request;
    request.set_guest(guest);
    v1::GetGuestResponse response;
    SF_RETURN_IF_ERROR(Ask([&](grpc::ClientContext& context) {
      return guests_->GetGuest(&context, request, &response);
    }));
    return std::move(*response.mutable_guest());
  }

  absl::StatusOr<std::vector<v1::Snapshot>> ListSnapshots(const std::string& guest) override {
    std::vector<v1::Snapshot> snapshots;
    v1::ListSnapshotsRequest request;
    request.set_guest(guest);
    do {
      v1::ListSnapshotsResponse response;
      SF_RETURN_IF_ERROR(Ask([&](grpc::ClientContext& context) {
        return snapshots_->ListSnapshots(&context, request, &response);
      }));
      SF_RETURN_IF_ERROR(CheckPage(request.page_token(), response.next_page_token()));
      snapshots.insert(snapshots.end(), response.snapshots().begin(), response.snapshots().end());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return snapshots;
  }

  absl::StatusOr<v1::Snapshot> GetSnapshot(const v1::SnapshotSelector& selector) override {
    v1::GetSnapshotRequest request;
    *request.mutable_snapshot() = selector;
    v1::GetSnapshotResponse response;
    SF_RETURN_IF_ERROR(Ask([&](grpc::ClientContext& context) {
      return snapshots_->GetSnapshot(&context, request, &response);
    }));
    return std::move(*response.mutable_snapshot());
  }

  absl::StatusOr<v1::Snapshot> Capture(const std::string& guest, std::stop_token stop) override {
    v1::CaptureSnapshotRequest request;
    request.set_guest(guest);
    v1::CaptureSnapshotResponse response;
    grpc::ClientContext context;
    std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
    const grpc::Status status = snapshots_->CaptureSnapshot(&context, request, &response);
    if (!status.ok()) return FromGrpc(status, channels_->target);
    return std::move(*response.mutable_snapshot());
  }

  absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSnapshot(
      const v1::SnapshotSelector& selector) override {
    return OpenGrpcSnapshot(channels_, selector);
  }

  absl::StatusOr<std::unique_ptr<SnapshotWatch>> Watch(const WatchOptions& options,
                                                       std::stop_token stop) override {
    return StartResumingWatch(
        options,
        [channels = channels_](const WatchOptions& from, const std::stop_token& stopping) {
          return OpenGrpcEventStream(channels, from, stopping);
        },
        std::move(stop));
  }

 private:
  absl::Status Ask(const std::function<grpc::Status(grpc::ClientContext&)>& call) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kAnswerWithin);
    return FromGrpc(call(context), channels_->target);
  }

  // A gateway that gives the same token again would have us list for ever.
  static absl::Status CheckPage(const std::string& token, const std::string& next) {
    if (next.empty() || next != token) return absl::OkStatus();
    return absl::InternalError("list: the gateway's page token does not advance");
  }

  const std::shared_ptr<const GrpcChannels> channels_;
  const std::unique_ptr<v1::AccessService::Stub> access_;
  const std::unique_ptr<v1::HostService::Stub> hosts_;
  const std::unique_ptr<v1::GuestService::Stub> guests_;
  const std::unique_ptr<v1::SnapshotService::Stub> snapshots_;
};

}  // namespace

std::unique_ptr<Connection> MakeGrpcConnection(std::shared_ptr<const GrpcChannels> channels) {
  return std::make_unique<GrpcConnection>(std::move(channels));
}

}  // namespace stillframe
