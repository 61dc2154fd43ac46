#include "grpc_snapshot_reader.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "extent_check.h"
#include "flat_views.h"
#include "grpc_machine_frames.h"
#include "grpc_page_stream.h"
#include "grpc_scatter_stream.h"
#include "grpc_status.h"
#include "read_check.h"
#include "stillframe/connection.h"
#include "stillframe/v1/pin_service.grpc.pb.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"

namespace stillframe {
namespace {

// Ranges a request carries: far below any bound on a request's size.
constexpr std::size_t kRangesPerCallMax = 1024;

class GrpcSnapshotReader final : public SnapshotReader {
 public:
  explicit GrpcSnapshotReader(std::shared_ptr<const GrpcChannels> channels)
      : channels_(std::move(channels)), pins_(v1::PinService::NewStub(channels_->calls)) {}

  ~GrpcSnapshotReader() override {
    hold_context_.TryCancel();
    if (hold_ != nullptr) hold_->Finish();
  }

  absl::Status Hold(const v1::SnapshotSelector& selector) {
    v1::HoldPinRequest request;
    *request.mutable_snapshot() = selector;
    hold_ = pins_->HoldPin(&hold_context_, request);
    v1::HoldPinResponse response;
    if (!hold_->Read(&response)) {
      const absl::Status status = FromGrpc(hold_->Finish(), channels_->target);
      hold_.reset();
      return status.ok() ? absl::InternalError("hold a pin: the gateway ended the call") : status;
    }
    SF_RETURN_IF_ERROR(CheckPageCount(response.snapshot()));
    metadata_ = std::move(*response.mutable_snapshot());
    selector_ = Select(metadata_.guest_uuid(), metadata_.generation(), metadata_.epoch());
    scatter_ = std::make_unique<GrpcScatterStream>(channels_, selector_);
    return absl::OkStatus();
  }

  const v1::Snapshot& metadata() const override { return metadata_; }

  absl::Status ReadPages(std::span<const GfnRange> ranges, EmptyRuns empty, const RunSink& sink,
                         std::stop_token stop) override {
    const GfnRange whole{Gfn{0}, metadata_.page_count()};
    if (ranges.empty()) ranges = {&whole, 1};
    while (!ranges.empty()) {
      const auto some = ranges.first(std::min(ranges.size(), kRangesPerCallMax));
      SF_RETURN_IF_ERROR(StreamPages(*channels_, selector_, some, empty, sink, stop));
      ranges = ranges.subspan(some.size());
    }
    return absl::OkStatus();
  }

  absl::Status ReadScatter(std::span<ScatterRead> reads) override { return scatter_->Read(reads); }

  absl::StatusOr<std::unique_ptr<FlatView>> OpenFlat(std::stop_token stop) override {
    return CopyFlat(*this, std::move(stop));
  }

  absl::Status ForEachAllocatedExtent(const StatusExtentSink& sink, std::stop_token stop) override {
    v1::ListAllocatedExtentsRequest request;
    *request.mutable_snapshot() = selector_;
    grpc::ClientContext context;
    std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
    auto stub = v1::SnapshotService::NewStub(channels_->calls);
    auto call = stub->ListAllocatedExtents(&context, request);
    v1::ListAllocatedExtentsResponse response;
    AllocatedExtentCheck check(metadata_.page_count());
    absl::Status sunk;
    while (sunk.ok() && call->Read(&response)) {
      for (const auto& extent : response.extents()) {
        const GfnRange range{Gfn{extent.first_gfn()}, extent.page_count()};
        sunk = check.Accept(range);
        if (sunk.ok()) sunk = sink(range, extent.status());
        if (!sunk.ok()) break;
      }
    }
    SF_RETURN_IF_ERROR(Finish(*call, context, sunk));
    return check.Finish();
  }

  absl::Status ForEachChangedExtent(Generation base, std::uint64_t coalesce_pages,
                                    const ExtentSink& sink, std::stop_token stop) override {
    v1::ListChangedExtentsRequest request;
    request.set_guest(selector_.guest());
    request.set_base_generation(base.value);
    request.set_target_generation(selector_.generation());
    request.set_epoch(selector_.epoch());
    request.set_coalesce_pages(coalesce_pages);
    grpc::ClientContext context;
    std::stop_callback cancel(std::move(stop), [&context] { context.TryCancel(); });
    auto stub = v1::SnapshotService::NewStub(channels_->calls);
    auto call = stub->ListChangedExtents(&context, request);
    v1::ListChangedExtentsResponse response;
    ChangedExtentCheck check;
    absl::Status sunk;
    while (sunk.ok() && call->Read(&response)) {
      for (const auto& extent : response.extents()) {
        const GfnRange range{Gfn{extent.first_gfn()}, extent.page_count()};
        sunk = check.Accept(range);
        if (sunk.ok()) sunk = sink(range);
        if (!sunk.ok()) break;
      }
    }
    return Finish(*call, context, sunk);
  }

  absl::StatusOr<std::vector<std::uint64_t>> MachineFrames(std::stop_token stop) override {
    return FetchMachineFrames(*channels_, selector_, metadata_.page_count(), std::move(stop));
  }

 private:
  // Ends a stream; what the sink said goes before what the call says.
  template <typename Response>
  absl::Status Finish(grpc::ClientReader<Response>& call, grpc::ClientContext& context,
                      const absl::Status& sunk) {
    if (!sunk.ok()) context.TryCancel();
    const absl::Status ended = FromGrpc(call.Finish(), channels_->target);
    return sunk.ok() ? ended : sunk;
  }

  const std::shared_ptr<const GrpcChannels> channels_;
  const std::unique_ptr<v1::PinService::Stub> pins_;
  grpc::ClientContext hold_context_;
  std::unique_ptr<grpc::ClientReader<v1::HoldPinResponse>> hold_;
  std::unique_ptr<GrpcScatterStream> scatter_;
  v1::Snapshot metadata_;
  v1::SnapshotSelector selector_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenGrpcSnapshot(
    std::shared_ptr<const GrpcChannels> channels, const v1::SnapshotSelector& selector) {
  auto reader = std::make_unique<GrpcSnapshotReader>(std::move(channels));
  SF_RETURN_IF_ERROR(reader->Hold(selector));
  return reader;
}

}  // namespace stillframe
