#include "capture/capturer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "base/status.h"
#include "capture/slot_cursor.h"
#include "capture/slot_releaser.h"

namespace stillframe {
namespace {

// A window whose dirty set outgrew the reservation is repeated with a larger one.
constexpr int kWindowsMax = 4;

bool IsZeroPage(const std::byte* page) {
  static constexpr std::byte kZeros[64] = {};
  return std::memcmp(page, kZeros, sizeof kZeros) == 0 &&
         std::memcmp(page, page + sizeof kZeros, kPageBytes - sizeof kZeros) == 0;
}

}  // namespace

Capturer::Capturer(Guest& guest, SnapshotStore& store, const CapturePolicy& policy,
                   const Clock& clock)
    : guest_(guest), store_(store), policy_(policy), clock_(clock) {}

absl::StatusOr<SnapshotPtr> Capturer::Capture(std::shared_ptr<const GuestView> view,
                                              PauseGuard& guard, CaptureTrigger trigger,
                                              const std::atomic<bool>& cancelled) {
  if (view != view_) AdoptView(std::move(view));
  const absl::Status captured = RunWindow(guard, cancelled);
  if (!captured.ok()) {
    ReleaseReserved();
    return captured;
  }
  pages_backend_mapped_ = guest_.CountBackendPages();
  Finish();
  auto published = Publish(trigger);
  if (!published.ok()) AbandonNext();
  return published;
}

// A new view means that memory came, went or moved. What the dirty log said about frames that
// changed their backing is not to be trusted: everything is copied once.
void Capturer::AdoptView(std::shared_ptr<const GuestView> view) {
  const bool same_frames = view_ != nullptr && view_->machine_frames == view->machine_frames &&
                           view_->map.page_count() == view->map.page_count();
  if (!same_frames) machine_frames_ = nullptr;
  view_ = std::move(view);
  const std::uint64_t pages = view_->map.page_count();
  current_.resize(pages, kHoleSlot);
  readable_ = PageBitmap(pages);
  for (const MappedExtent& extent : view_->extents) readable_.SetRange(extent.range);
  pending_ = readable_;
  copied_.Resize(pages);
  populated_ = PageBitmap(pages);
  everything_pending_ = true;
}

absl::StatusOr<std::uint64_t> Capturer::EstimatePages() {
  const bool from_log = guest_.capabilities().dirty_log && !newest_.is_none();
  scratch_ = from_log ? pending_ : readable_;
  SF_RETURN_IF_ERROR(guest_.FilterResident(scratch_));
  std::uint64_t pages = scratch_.Count();
  if (from_log) pages += guest_.EstimateDirty();
  const std::uint64_t margin = pages / 8 + 1024;
  return std::min(pages + margin, view_->map.readable_pages());
}

// First touches of guest memory fault in this process too; they must not happen in the pause.
void Capturer::PopulateSource() {
  scratch_ = readable_;
  if (!guest_.FilterResident(scratch_).ok()) return;
  scratch_.AndNot(populated_);
  for (const MappedExtent& extent : view_->extents) {
    scratch_.ForEachRun(extent.range, [&](GfnRange run) {
      const std::byte* at =
          extent.at + ((run.first.value - extent.range.first.value) << kPageShift);
      if (madvise(const_cast<std::byte*>(at), run.bytes(), MADV_POPULATE_READ) == 0) {
        populated_.SetRange(run);
      }
    });
  }
}

absl::Status Capturer::Reserve(std::uint64_t pages) {
  if (reserved_pages_ >= pages) return absl::OkStatus();
  const std::uint64_t more = pages - reserved_pages_;
  store_.MakeRoom(more);
  SF_RETURN_IF_ERROR(store_.arena().Reserve(more, reserved_));
  reserved_pages_ = pages;
  return absl::OkStatus();
}

void Capturer::ReleaseReserved() {
  SlotReleaser releaser(store_.arena());
  for (const SlotRun& run : reserved_) releaser.Add(run);
  reserved_.clear();
  reserved_pages_ = 0;
}

absl::Status Capturer::RunWindow(PauseGuard& guard, const std::atomic<bool>& cancelled) {
  const std::string attempt = fmt::format("capture guest {}", guest_.identity().name);
  SF_ASSIGN_OR_RETURN(std::uint64_t pages, EstimatePages());
  PopulateSource();
  for (int attempts = 0; attempts < kWindowsMax; ++attempts) {
    if (cancelled.load()) return absl::CancelledError(attempt + ": withdrawn");
    if (absl::Status room = Reserve(pages); !room.ok()) return Annotate(room, attempt);
    WindowPlan plan;
    plan.view = view_.get();
    plan.arena = &store_.arena();
    plan.reserved = reserved_;
    plan.reserved_pages = reserved_pages_;
    plan.readable = &readable_;
    plan.pending = &pending_;
    plan.copied = &copied_;
    plan.deadline_ms = policy_.pause_deadline_ms;
    plan.cancelled = &cancelled;
    absl::Status status = RunPauseWindow(guest_, guard, plan, clock_, window_);
    paused_ns_ += window_.end_ns - window_.begin_ns;
    // Also when this window fails and another one, whose log is whole again, follows.
    if (window_.answer == DirtyAnswer::kUnknown && guest_.capabilities().dirty_log) {
      everything_pending_ = true;
    }
    if (status.ok()) return status;
    if (window_.pages_wanted <= reserved_pages_) return Annotate(status, attempt);
    pages = std::min(window_.pages_wanted + window_.pages_wanted / 4 + 4096,
                     view_->map.readable_pages());
  }
  return absl::AbortedError(attempt + ": pages were dirtied faster than room was made for them");
}

// Writes what the memory map alone decides: pages without bytes, and between regions nothing.
void Capturer::ApplyMap() {
  std::uint64_t at = 0;
  auto fill = [&](std::uint64_t end, Slot slot) {
    for (; at < end; ++at) {
      if (next_[at] == slot) continue;
      next_[at] = slot;
      ++pages_changed_;
    }
  };
  for (const MemoryRegion& region : view_->map.regions()) {
    fill(region.range.first.value, kHoleSlot);
    const Slot empty = EmptySlotOf(region.kind);
    if (empty != kZeroSlot) fill(region.range.end().value, empty);
    at = region.range.end().value;
  }
}

// Decides for every pending page what the next generation says of it: the old slot where the
// content stayed the same, the zero slot, or the fresh copy.
void Capturer::Finish() {
  next_.assign(current_.begin(), current_.end());
  pages_changed_ = 0;
  ApplyMap();

  Arena& arena = store_.arena();
  SlotReleaser releaser(arena);
  SlotCursor cursor(reserved_);
  auto decide = [&](Gfn gfn) {
    Slot& slot = next_[gfn.value];
    Slot fresh = kZeroSlot;
    if (copied_.Test(gfn)) {
      const SlotRun taken = cursor.Take(1);
      const std::byte* bytes = arena.At(taken.first);
      const bool same = slot < kSlotsMax && std::memcmp(arena.At(slot), bytes, kPageBytes) == 0;
      if (same || IsZeroPage(bytes)) {
        releaser.Add(taken);
        fresh = same ? slot : kZeroSlot;
      } else {
        fresh = taken.first;
      }
    }
    if (slot != fresh) ++pages_changed_;
    slot = fresh;
  };
  for (const MappedExtent& extent : view_->extents) {
    pending_.ForEachRun(extent.range, [&](GfnRange run) {
      for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) decide(gfn);
    });
  }
  for (SlotRun rest = cursor.Take(~0u); rest.count > 0; rest = cursor.Take(~0u)) releaser.Add(rest);
  reserved_.clear();
  reserved_pages_ = 0;
}

CaptureMethod Capturer::MethodUsed() const {
  if (everything_pending_) return CaptureMethod::kFull;
  return window_.answer == DirtyAnswer::kLogged ? CaptureMethod::kDirtyLog
                                                : CaptureMethod::kCompare;
}

// Generations between which the table stayed the same share one copy.
absl::Status Capturer::SealMachineFrames() {
  if (view_->machine_frames == nullptr || machine_frames_ != nullptr) return absl::OkStatus();
  const std::span<const std::uint64_t> frames(*view_->machine_frames);
  if (frames.size() < next_.size()) {
    return absl::InternalError(
        fmt::format("{} pages have only {} machine frames", next_.size(), frames.size()));
  }
  SF_ASSIGN_OR_RETURN(MachineFrames sealed, MachineFrames::Seal(fmt::format("stillframe-machine-{}",
                                                                            newest_.next().value),
                                                                frames.first(next_.size())));
  machine_frames_ = std::make_shared<const MachineFrames>(std::move(sealed));
  return absl::OkStatus();
}

absl::StatusOr<SnapshotPtr> Capturer::Publish(CaptureTrigger trigger) {
  SnapshotMetadata metadata;
  metadata.guest = guest_.identity();
  metadata.epoch = store_.epoch();
  metadata.generation = newest_.next();
  metadata.method = MethodUsed();
  metadata.consistency = guest_.capabilities().consistency;
  metadata.trigger = trigger;
  metadata.wall_ns = window_.wall_ns;
  metadata.pause_begin_ns = window_.begin_ns;
  metadata.pause_end_ns = window_.end_ns;
  metadata.pages_total = next_.size();
  for (const Slot slot : next_) {
    if (slot < kSlotsMax) {
      ++metadata.pages_present;
    } else if (slot == kZeroSlot) {
      ++metadata.pages_zero;
    } else {
      ++metadata.pages_absent;
    }
  }
  metadata.pages_copied = window_.pages_copied;
  metadata.pages_changed = pages_changed_;
  metadata.window_page_faults = window_.page_faults;
  metadata.pages_backend_mapped = pages_backend_mapped_;
  metadata.map = view_->map;
  SF_ASSIGN_OR_RETURN(metadata.vcpus, guest_.DecodeVcpus());
  SF_RETURN_IF_ERROR(SealMachineFrames());
  SF_ASSIGN_OR_RETURN(SnapshotPtr published,
                      store_.Publish(std::move(metadata), next_, machine_frames_));
  std::swap(current_, next_);
  newest_ = newest_.next();
  pending_.ClearAll();
  everything_pending_ = false;
  return published;
}

// The pages stay pending: the next capture copies them again.
void Capturer::AbandonNext() {
  SlotReleaser releaser(store_.arena());
  for (std::size_t page = 0; page < next_.size(); ++page) {
    const Slot slot = next_[page];
    if (slot < kSlotsMax && slot != current_[page]) releaser.Add({slot, 1});
  }
}

}  // namespace stillframe
