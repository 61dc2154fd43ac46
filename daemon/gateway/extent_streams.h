// Answer ListChangedExtents and ListAllocatedExtents: walks over page maps, sent as they go.
#pragma once

#include <memory>
#include <vector>

#include "gateway/extents.h"
#include "gateway/stream_writer.h"
#include "stillframe/v1/snapshot_service.pb.h"

namespace stillframe {

class ChangedExtentsStream final : public StreamWriter<v1::ListChangedExtentsResponse> {
 public:
  ChangedExtentsStream(std::unique_ptr<GatewayCall> call, std::shared_ptr<PinnedSnapshot> base,
                       std::shared_ptr<PinnedSnapshot> target, std::uint64_t coalesce_pages);

 private:
  Step Next(v1::ListChangedExtentsResponse& response, absl::Status& end) override;

  const std::shared_ptr<PinnedSnapshot> base_;
  const std::shared_ptr<PinnedSnapshot> target_;
  ChangedExtents walk_;
  std::vector<GfnRange> found_;
  bool described_ = false;
  bool more_ = true;
};

class AllocatedExtentsStream final : public StreamWriter<v1::ListAllocatedExtentsResponse> {
 public:
  AllocatedExtentsStream(std::unique_ptr<GatewayCall> call,
                         std::shared_ptr<PinnedSnapshot> snapshot);

 private:
  Step Next(v1::ListAllocatedExtentsResponse& response, absl::Status& end) override;

  const std::shared_ptr<PinnedSnapshot> snapshot_;
  AllocatedExtents walk_;
  std::vector<AllocatedExtent> found_;
  bool described_ = false;
  bool more_ = true;
};

}  // namespace stillframe
