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

absl::Status SnapshotService::List(const v1::ListSnapshotsRequest& request,
                                   v1::ListSnapshotsResponse& response) {
  SF_ASSIGN_OR_RETURN(const std::size_t page_size, PageSizeOf(request.page_size()));
  SF_ASSIGN_OR_RETURN(const ListPosition after, ParsePosition(request.page_token()));
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, context_.link.Client());
  SF_ASSIGN_OR_RETURN(std::vector<v1::Snapshot> snapshots, client->ListSnapshots(request.guest()));
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

grpc::ServerUnaryReactor* SnapshotService::ListSnapshots(grpc::CallbackServerContext* call,
                                                         const v1::ListSnapshotsRequest* request,
                                                         v1::ListSnapshotsResponse* response) {
  return Answered(call, List(*request, *response));
}

grpc::ServerUnaryReactor* SnapshotService::GetSnapshot(grpc::CallbackServerContext* call,
                                                       const v1::GetSnapshotRequest* request,
                                                       v1::GetSnapshotResponse* response) {
  const auto get = [&]() -> absl::StatusOr<v1::Snapshot> {
    SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, context_.link.Client());
    return client->GetSnapshot(request->snapshot());
  };
  absl::StatusOr<v1::Snapshot> snapshot = get();
  if (snapshot.ok()) *response->mutable_snapshot() = std::move(*snapshot);
  return Answered(call, snapshot.status());
}

grpc::ServerUnaryReactor* SnapshotService::CaptureSnapshot(
    grpc::CallbackServerContext* call, const v1::CaptureSnapshotRequest* request,
    v1::CaptureSnapshotResponse* response) {
  const auto make = [&]() -> absl::StatusOr<CaptureCall*> {
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("capture", call->peer()));
    SF_ASSIGN_OR_RETURN(auto client, context_.link.Client());
    return new CaptureCall(std::move(lease), std::move(client), response);
  };
  const absl::StatusOr<CaptureCall*> capture = make();
  if (!capture.ok()) return Answered(call, capture.status());
  (*capture)->Capture(request->guest());
  return *capture;
}

grpc::ServerWriteReactor<v1::WatchSnapshotsResponse>* SnapshotService::WatchSnapshots(
    grpc::CallbackServerContext* call, const v1::WatchSnapshotsRequest* request) {
  const auto make = [&]() -> absl::StatusOr<WatchStream*> {
    if (request->guest().empty() && request->from_generation() != 0) {
      return RequestInvalid("watch: from_generation needs a guest");
    }
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("watch", call->peer()));
    SF_ASSIGN_OR_RETURN(auto client, context_.link.Client());
    return new WatchStream(context_, call, std::move(lease), std::move(client));
  };
  const absl::StatusOr<WatchStream*> stream = make();
  if (!stream.ok()) return RefuseStream<v1::WatchSnapshotsResponse>(stream.status());
  (*stream)->Watch(*request);
  (*stream)->Start();
  return *stream;
}

grpc::ServerWriteReactor<v1::ListChangedExtentsResponse>* SnapshotService::ListChangedExtents(
    grpc::CallbackServerContext* call, const v1::ListChangedExtentsRequest* request) {
  const auto make = [&]() -> absl::StatusOr<ChangedExtentsStream*> {
    if (request->base_generation() == 0) {
      return RequestInvalid("list changed extents: base_generation is missing");
    }
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("list changed extents", call->peer()));
    v1::SnapshotSelector selector;
    selector.set_guest(request->guest());
    selector.set_generation(request->target_generation());
    selector.set_epoch(request->epoch());
    SF_ASSIGN_OR_RETURN(auto target, context_.link.Pin(selector));
    // Numbers of two epochs have nothing to do with each other.
    selector.set_guest(target->metadata().guest_uuid());
    selector.set_generation(request->base_generation());
    selector.set_epoch(target->metadata().epoch());
    SF_ASSIGN_OR_RETURN(auto base, context_.link.Pin(selector));
    return new ChangedExtentsStream(context_, call, std::move(lease), std::move(base),
                                    std::move(target), request->coalesce_pages());
  };
  const absl::StatusOr<ChangedExtentsStream*> stream = make();
  if (!stream.ok()) return RefuseStream<v1::ListChangedExtentsResponse>(stream.status());
  (*stream)->Start();
  return *stream;
}

grpc::ServerWriteReactor<v1::ListAllocatedExtentsResponse>* SnapshotService::ListAllocatedExtents(
    grpc::CallbackServerContext* call, const v1::ListAllocatedExtentsRequest* request) {
  const auto make = [&]() -> absl::StatusOr<AllocatedExtentsStream*> {
    SF_ASSIGN_OR_RETURN(auto lease, context_.streams->Take("list allocated extents", call->peer()));
    SF_ASSIGN_OR_RETURN(auto snapshot, context_.link.Pin(request->snapshot()));
    return new AllocatedExtentsStream(context_, call, std::move(lease), std::move(snapshot));
  };
  const absl::StatusOr<AllocatedExtentsStream*> stream = make();
  if (!stream.ok()) return RefuseStream<v1::ListAllocatedExtentsResponse>(stream.status());
  (*stream)->Start();
  return *stream;
}

}  // namespace stillframe
