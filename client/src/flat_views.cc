#include "flat_views.h"

#include <utility>

#include "base/status.h"
#include "local/flat_memory.h"

namespace stillframe {
namespace {

class FlatMemoryView final : public FlatView {
 public:
  // `snapshot`: whose arena `memory` shows; null for none.
  FlatMemoryView(FlatMemory memory, std::shared_ptr<const PinnedSnapshot> snapshot)
      : snapshot_(std::move(snapshot)), memory_(std::move(memory)) {}

  std::span<const std::byte> bytes() const override { return memory_.bytes(); }
  absl::Status CheckHeld() const override {
    return snapshot_ == nullptr ? absl::OkStatus() : snapshot_->CheckHeld();
  }

 private:
  const std::shared_ptr<const PinnedSnapshot> snapshot_;
  const FlatMemory memory_;
};

absl::Status Place(const PageRun& run, FlatMemory& memory) {
  switch (run.status) {
    case v1::PAGE_STATUS_PRESENT:
      memory.Copy(run.range, run.bytes);
      return absl::OkStatus();
    case v1::PAGE_STATUS_ZERO:
      return absl::OkStatus();
    default:
      return memory.Forbid(run.range);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlatView>> ShowFlat(std::shared_ptr<const PinnedSnapshot> snapshot) {
  SF_ASSIGN_OR_RETURN(FlatMemory memory, FlatMemory::Of(*snapshot));
  return std::make_unique<FlatMemoryView>(std::move(memory), std::move(snapshot));
}

absl::StatusOr<std::unique_ptr<FlatView>> CopyFlat(SnapshotReader& reader, std::stop_token stop) {
  SF_ASSIGN_OR_RETURN(FlatMemory memory, FlatMemory::Reserve(reader.metadata().page_count()));
  SF_RETURN_IF_ERROR(reader.ReadPages(
      {}, EmptyRuns::kReport, [&memory](const PageRun& run) { return Place(run, memory); },
      std::move(stop)));
  return std::make_unique<FlatMemoryView>(std::move(memory), nullptr);
}

}  // namespace stillframe
