#include "local_snapshot_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/reason.h"
#include "base/status.h"
#include "flat_views.h"
#include "stillframe/connection.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kRunPagesMax = 1024;  // 4 MiB, as over gRPC

// Pages between two looks at the stop token while scanning page maps.
constexpr std::uint64_t kScanPages = std::uint64_t{1} << 20;

absl::Status PastEnd(std::uint64_t page_count) {
  return WithReason(
      absl::OutOfRangeError(fmt::format("read past the end: the guest has {} pages ({:#x} bytes)",
                                        page_count, page_count << kPageShift)),
      "RANGE_PAST_END", {{"page_count", std::to_string(page_count)}});
}

absl::Status Stopped() { return absl::CancelledError("read: stopped"); }

class LocalSnapshotReader final : public SnapshotReader {
 public:
  LocalSnapshotReader(std::shared_ptr<LocalClient> client, std::shared_ptr<PinnedSnapshot> snapshot)
      : client_(std::move(client)), snapshot_(std::move(snapshot)) {}

  const v1::Snapshot& metadata() const override { return snapshot_->metadata(); }

  absl::Status ReadPages(std::span<const GfnRange> ranges, EmptyRuns empty, const RunSink& sink,
                         std::stop_token stop) override {
    const std::uint64_t page_count = snapshot_->page_count();
    const GfnRange whole{Gfn{0}, page_count};
    if (ranges.empty()) ranges = {&whole, 1};
    for (const GfnRange& range : ranges) {
      if (range.pages > page_count || range.first.value > page_count - range.pages) {
        return PastEnd(page_count);
      }
    }
    for (const GfnRange& range : ranges) {
      Gfn at = range.first;
      while (at < range.end()) {
        if (stop.stop_requested()) return Stopped();
        const Gfn end{std::min(range.end().value, at.value + kRunPagesMax)};
        const auto run = snapshot_->RunAt(at, end);
        at = run.range.end();
        const bool present = run.state == PageState::kPresent;
        if (!present && empty == EmptyRuns::kSkip) continue;
        PageRun out{run.range, StatusOf(run.state), {}};
        if (present) out.bytes = {run.bytes, run.range.bytes()};
        SF_RETURN_IF_ERROR(sink(out));
      }
    }
    return snapshot_->CheckHeld();
  }

  absl::Status ReadScatter(std::span<ScatterRead> reads) override {
    for (ScatterRead& read : reads) {
      SF_ASSIGN_OR_RETURN(const auto result, snapshot_->Read(read.address, read.destination));
      read.copied = result.copied;
      read.status = StatusOf(result.state);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<FlatView>> OpenFlat(std::stop_token) override {
    return ShowFlat(snapshot_);
  }

  absl::Status ForEachAllocatedExtent(const StatusExtentSink& sink, std::stop_token stop) override {
    const auto slots = snapshot_->slots();
    std::uint64_t first = 0;
    for (std::uint64_t i = 1; i <= slots.size(); ++i) {
      if (i % kScanPages == 0 && stop.stop_requested()) return Stopped();
      const PageState state = StateOf(slots[first]);
      if (i < slots.size() && StateOf(slots[i]) == state) continue;
      SF_RETURN_IF_ERROR(sink({Gfn{first}, i - first}, StatusOf(state)));
      first = i;
    }
    return snapshot_->CheckHeld();
  }

  absl::Status ForEachChangedExtent(Generation base, std::uint64_t coalesce_pages,
                                    const ExtentSink& sink, std::stop_token stop) override {
    SF_ASSIGN_OR_RETURN(const auto other, client_->Pin(Select(metadata().guest_uuid(), base.value,
                                                              metadata().epoch()),
                                                       std::chrono::milliseconds{0}));
    const auto ours = snapshot_->slots();
    const auto theirs = other->slots();
    const std::uint64_t longest = std::max(ours.size(), theirs.size());
    const auto changed = [&](std::uint64_t i) {
      return (i < ours.size() ? ours[i] : kHoleSlot) != (i < theirs.size() ? theirs[i] : kHoleSlot);
    };
    GfnRange open;
    for (std::uint64_t i = 0; i < longest; ++i) {
      if (i % kScanPages == 0 && stop.stop_requested()) return Stopped();
      if (!changed(i)) continue;
      const std::uint64_t end = open.end().value;
      if (!open.empty() && (i == end || i - end < coalesce_pages)) {
        open.pages = i + 1 - open.first.value;
        continue;
      }
      if (!open.empty()) SF_RETURN_IF_ERROR(sink(open));
      open = {Gfn{i}, 1};
    }
    if (!open.empty()) SF_RETURN_IF_ERROR(sink(open));
    SF_RETURN_IF_ERROR(other->CheckHeld());
    return snapshot_->CheckHeld();
  }

  // The table is sealed and never recycled: it is right whether or not the pin held.
  absl::StatusOr<std::vector<std::uint64_t>> MachineFrames(std::stop_token) override {
    const auto frames = snapshot_->machine_frames();
    if (frames.empty()) {
      return WithReason(absl::FailedPreconditionError(fmt::format(
                            "read machine frames of guest {}: its page tables name guest frames",
                            metadata().guest_name())),
                        "NO_MACHINE_FRAMES");
    }
    return std::vector<std::uint64_t>(frames.begin(), frames.end());
  }

 private:
  const std::shared_ptr<LocalClient> client_;
  const std::shared_ptr<PinnedSnapshot> snapshot_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenLocalSnapshot(
    std::shared_ptr<LocalClient> client, const v1::SnapshotSelector& selector) {
  SF_ASSIGN_OR_RETURN(auto snapshot, client->Pin(selector, std::chrono::milliseconds{0}));
  return std::make_unique<LocalSnapshotReader>(std::move(client), std::move(snapshot));
}

}  // namespace stillframe
