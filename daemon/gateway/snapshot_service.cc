#include "gateway/snapshot_service.h"

#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/capture_call.h"
#include "gateway/extent_streams.h"
#include "gateway/pagination.h"
#include "gateway/refusal.h"
#include "gateway/unary.h"
#include "gateway/watch_stream.h"

namespace stillframe {
namespace {

// The epoch and the generation that a page of a list ended with.
struct ListPosition {
  std::string epoch;
  std::uint64_t generation = 0;
};

absl::StatusOr<ListPosition> ParsePosition(const std::string& token) {
  if (token.empty()) return ListPosition{};
  SF_ASSIGN_OR_RETURN(auto parts, ParsePageToken(token));
  ListPosition position;
  position.epoch = std::move(parts.first);
  const std::string& digits = parts.second;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), position.generation);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return RequestInvalid("list: page_token is not one that this server gave");
  }
  return position;
}

}  // namespace

absl::Status SnapshotService::List(GatewayCall& call, const v1::ListSnapshotsRequest& request,
                                   v1::ListSnapshotsResponse& response) {
  SF_RETURN_IF_ERROR(call.Admit());
  SF_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  SF_ASSIGN_OR_RETURN(const ListPosition after, ParsePosition(request.page_token()));
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, context_.link.Client());
  SF_ASSIGN_OR_RETURN(const std::string guest, call.Authorize(request.guest(), Right::kList));
  SF_ASSIGN_OR_RETURN(std::vector<v1::Snapshot> snapshots, client->ListSnapshots(guest));
  for (v1::Snapshot& snapshot : snapshots) {
    if (!after.epoch.empty() && snapshot.epoch() != after.epoch) {
      return WithReason(absl::FailedPreconditionError(fmt::format(
                            "list snapshots of {}: the epoch changed between pages; begin anew",
                            request.guest())),
                        "EPOCH_CHANGED", {{"epoch", snapshot.epoch()}});
    }
    if (snapshot.generation() <= after.generation) continue;
    if (static_cast<std::size_t>(response.snapshots_size()) == page_size) {
      const v1::Snapshot& last = response.snapshots(response.snapshots_size() - 1);
      response.set_next_page_token(MakePageToken(last.epoch(), std::to_string(last.generation())));
      break;
    }
    *response.add_snapshots() = std::move(snapshot);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* SnapshotService::ListSnapshots(grpc::CallbackServerContext* grpc,
                                                         const v1::ListSnapshotsRequest* request,
                                                         v1::ListSnapshotsResponse* response) {
  GatewayCall call(context_, grpc, "SnapshotService/ListSnapshots");
  return Answered(call, List(call, *request, *response));
}

grpc::ServerUnaryReactor* SnapshotService::GetSnapshot(grpc::CallbackServerContext* grpc,
                                                       const v1::GetSnapshotRequest* request,
                                                       v1::GetSnapshotResponse* response) {
  GatewayCall call(context_, grpc, "SnapshotService/GetSnapshot");
  const auto get = [&]() -> absl::StatusOr<v1::Snapshot> {
    SF_RETURN_IF_ERROR(call.Admit());
    SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, context_.link.Client());
    v1::SnapshotSelector selector = request->snapshot();
    SF_ASSIGN_OR_RETURN(*selector.mutable_guest(), call.Authorize(selector.guest(), Right::kList));
    return client->GetSnapshot(selector);
  };
  absl::StatusOr<v1::Snapshot> snapshot = get();
  if (snapshot.ok()) {
    call.Tell(*snapshot);
    call.Redact(*snapshot);
    *response->mutable_snapshot() = std::move(*snapshot);
  }
  return Answered(call, snapshot.status());
}

grpc::ServerUnaryReactor* SnapshotService::CaptureSnapshot(
    grpc::CallbackServerContext* grpc, const v1::CaptureSnapshotRequest* request,
    v1::CaptureSnapshotResponse* response) {
  auto call = std::make_unique<GatewayCall>(context_, grpc, "SnapshotService/CaptureSnapshot");
  std::string guest;
  const auto make = [&]() -> absl::StatusOr<CaptureCall*> {
    SF_RETURN_IF_ERROR(call->AdmitStream("capture"));
    SF_ASSIGN_OR_RETURN(auto client, context_.link.Client());
    SF_ASSIGN_OR_RETURN(guest, call->Authorize(request->guest(), Right::kCapture));
    SF_RETURN_IF_ERROR(
        context_.captures.Take(call->principal().name, call->limits().captures_per_minute_max));
    return new CaptureCall(std::move(call), std::move(client), response);
  };
  const absl::StatusOr<CaptureCall*> capture = make();
  if (!capture.ok()) return Answered(*call, capture.status());
  (*capture)->Capture(guest);
  return *capture;
}

grpc::ServerWriteReactor<v1::WatchSnapshotsResponse>* SnapshotService::WatchSnapshots(
    grpc::CallbackServerContext* grpc, const v1::WatchSnapshotsRequest* request) {
  const auto make = [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<WatchStream*> {
    std::string guest = request->guest();
    if (guest.empty() && request->from_generation() != 0) {
      return RequestInvalid("watch: from_generation needs a guest");
    }
    SF_ASSIGN_OR_RETURN(auto client, context_.link.Client());
    if (!guest.empty()) {
      SF_ASSIGN_OR_RETURN(guest, call->Authorize(guest, Right::kList));
    }
    auto* const stream = new WatchStream(std::move(call), std::move(client));
    stream->Watch(guest, *request);
    return stream;
  };
  return ServeStream<v1::WatchSnapshotsResponse>(context_, grpc, "SnapshotService/WatchSnapshots",
                                                 "watch", make);
}

grpc::ServerWriteReactor<v1::ListChangedExtentsResponse>* SnapshotService::ListChangedExtents(
    grpc::CallbackServerContext* grpc, const v1::ListChangedExtentsRequest* request) {
  const auto make =
      [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<ChangedExtentsStream*> {
    if (request->base_generation() == 0) {
      return RequestInvalid("list changed extents: base_generation is missing");
    }
    v1::SnapshotSelector selector;
    selector.set_guest(request->guest());
    selector.set_generation(request->target_generation());
    selector.set_epoch(request->epoch());
    SF_ASSIGN_OR_RETURN(auto target, call->Pin(selector, Right::kRead));
    // Numbers of two epochs have nothing to do with each other.
    selector.set_guest(target->metadata().guest_uuid());
    selector.set_generation(request->base_generation());
    selector.set_epoch(target->metadata().epoch());
    SF_ASSIGN_OR_RETURN(auto base, call->Pin(selector, Right::kRead));
    call->Tell(target->metadata());
    return new ChangedExtentsStream(std::move(call), std::move(base), std::move(target),
                                    request->coalesce_pages());
  };
  return ServeStream<v1::ListChangedExtentsResponse>(
      context_, grpc, "SnapshotService/ListChangedExtents", "list changed extents", make);
}

grpc::ServerWriteReactor<v1::ListAllocatedExtentsResponse>* SnapshotService::ListAllocatedExtents(
    grpc::CallbackServerContext* grpc, const v1::ListAllocatedExtentsRequest* request) {
  const auto make =
      [&](std::unique_ptr<GatewayCall>& call) -> absl::StatusOr<AllocatedExtentsStream*> {
    SF_ASSIGN_OR_RETURN(auto snapshot, call->Pin(request->snapshot(), Right::kRead));
    return new AllocatedExtentsStream(std::move(call), std::move(snapshot));
  };
  return ServeStream<v1::ListAllocatedExtentsResponse>(
      context_, grpc, "SnapshotService/ListAllocatedExtents", "list allocated extents", make);
}

}  // namespace stillframe
