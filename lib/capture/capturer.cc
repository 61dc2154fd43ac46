#include "capture/capturer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/status.h"
#include "capture/slot_releaser.h"

namespace stillframe {
namespace {

// A window whose dirty set outgrew the reservation is repeated with a larger one.
constexpr int kWindowsMax = 4;

// Copies of so many pages (16 MiB: about a millisecond) are worth waking helpers for.
constexpr std::uint64_t kCrewPagesMin = 4096;

}  // namespace

Capturer::Capturer(Guest& guest, SnapshotStore& store, const CapturePolicy& policy,
                   const Clock& clock, CopyCrew* crew, HomeNode* home, const PauseCost& cost)
    : guest_(guest),
      store_(store),
      policy_(policy),
      clock_(clock),
      crew_(crew),
      home_(home),
      cost_(cost) {}

absl::StatusOr<SnapshotPtr> Capturer::Capture(std::shared_ptr<const GuestView> view,
                                              PauseGuard& guard, CaptureTrigger trigger,
                                              const std::atomic<bool>& cancelled,
                                              std::uint64_t due_ns) {
  if (view != view_) AdoptView(std::move(view));
  absl::Status captured = Annotate(PrepareNextMap(), Attempt());
  if (captured.ok()) captured = RunWindow(guard, cancelled);
  if (captured.ok()) {
    pages_backend_mapped_ = guest_.CountBackendPages();
    captured = Finish(due_ns, cancelled);
  }
  absl::StatusOr<SnapshotPtr> published =
      captured.ok() ? Publish(trigger) : absl::StatusOr<SnapshotPtr>(captured);
  if (!published.ok()) {
    next_.reset();
    reserve_.Release(store_.arena());
    staged_.Release(store_.arena());
    return published;
  }
  FreeUnnamedSlots(PlanFinish(due_ns, cancelled), (*published)->pages.slots());
  reserve_.Clear();
  staged_.ReleaseStale(store_.arena());
  staged_.Forget();
  pending_.ClearAll();
  everything_pending_ = false;
  return published;
}

void Capturer::MakeReady() {
  if (view_ != nullptr && !PrepareNextMap().ok()) next_.reset();
}

std::string Capturer::Attempt() const {
  return fmt::format("capture guest {}", guest_.identity().name);
}

absl::Status Capturer::PrepareNextMap() {
  const std::uint64_t pages = view_->map.page_count();
  if (next_ && next_->pages() == pages) return absl::OkStatus();
  std::span<const Slot> former;
  if (newest_snapshot_ != nullptr) former = newest_snapshot_->pages.slots();
  SF_ASSIGN_OR_RETURN(next_, PageMapDraft::Make(pages, former));
  return absl::OkStatus();
}

// A new view means that memory came, went or moved. What the dirty log said about frames that
// changed their backing is not to be trusted: everything is copied once.
void Capturer::AdoptView(std::shared_ptr<const GuestView> view) {
  const bool same_frames = view_ != nullptr && view_->machine_frames == view->machine_frames &&
                           view_->map.page_count() == view->map.page_count();
  if (!same_frames) machine_frames_ = nullptr;
  view_ = std::move(view);
  const std::uint64_t pages = view_->map.page_count();
  source_.AdoptView(*view_, guest_.capabilities().dirty_log);
  pending_ = source_.readable();
  staged_.Resize(pages);
  copied_ = PageBitmap(pages);
  fetched_ = PageBitmap(pages);
  unsure_ = PageBitmap(pages);
  copy_.Prepare(pages);
  everything_pending_ = true;
}

absl::StatusOr<std::uint64_t> Capturer::PrepareSource() {
  const bool logged = guest_.capabilities().dirty_log;
  scratch_ = logged ? pending_ : source_.readable();
  SF_RETURN_IF_ERROR(source_.FaultIn(guest_, *view_, scratch_));
  if (home_ != nullptr) home_->Look(*view_, source_.populated());
  std::uint64_t pages = scratch_.Count();
  if (logged && !everything_pending_) pages += guest_.EstimateDirty();
  return std::min(pages, view_->map.readable_pages());
}

absl::StatusOr<std::uint64_t> Capturer::RunRounds(const std::atomic<bool>& cancelled) {
  SF_ASSIGN_OR_RETURN(std::uint64_t rest, PrepareSource());
  PrecopyPlan plan;
  plan.guest = &guest_;
  plan.view = view_.get();
  plan.store = &store_;
  plan.source = &source_;
  plan.copy = &copy_;
  plan.pending = &pending_;
  plan.staged = &staged_;
  plan.fetched = &fetched_;
  plan.round = &scratch_;
  // Without a live dirty log nobody could tell which of the copies are still good.
  const GuestCapabilities capabilities = guest_.capabilities();
  if (capabilities.dirty_log && capabilities.dirty_log_live) {
    plan.budget_ns = policy_.pause_budget_ms * kNsPerMs;
  }
  plan.cost = &cost_;
  plan.cancelled = &cancelled;
  const absl::Status status = RunPrecopy(plan, rest, precopy_);
  if (precopy_.log_interrupted) everything_pending_ = true;
  SF_RETURN_IF_ERROR(status);
  return std::min(rest, view_->map.readable_pages());
}

absl::Status Capturer::Reserve(std::uint64_t pages) {
  if (reserve_.pages() >= pages) return absl::OkStatus();
  store_.MakeRoom(pages - reserve_.pages());
  return reserve_.GrowTo(pages, store_.arena());
}

absl::Status Capturer::RunWindow(PauseGuard& guard, const std::atomic<bool>& cancelled) {
  const std::string attempt = Attempt();
  const absl::StatusOr<std::uint64_t> rest = RunRounds(cancelled);
  if (!rest.ok()) return Annotate(rest.status(), attempt);
  const std::uint64_t estimate = *rest;
  std::uint64_t pages = std::min(estimate + estimate / 8 + 1024, view_->map.readable_pages());
  for (int attempts = 0; attempts < kWindowsMax; ++attempts) {
    if (cancelled.load()) return absl::CancelledError(attempt + ": withdrawn");
    staged_.ReleaseStale(store_.arena());
    absl::Status room = Reserve(pages);
    if (absl::IsResourceExhausted(room) && staged_.current().Count() > 0) {
      // Staged copies of pages that may be copied again take room twice: do without them.
      staged_.Release(store_.arena());
      pages = std::min(pages + pending_.Count(), view_->map.readable_pages());
      room = Reserve(pages);
    }
    if (absl::IsResourceExhausted(room)) {
      room = Annotate(room, fmt::format("{} pins hold generations", store_.pin_count()));
    }
    if (!room.ok()) return Annotate(room, attempt);
    copied_.ClearAll();
    fetched_.ClearAll();
    unsure_.ClearAll();
    const CopyCrew::Borrow helpers(pages >= kCrewPagesMin ? crew_ : nullptr,
                                   home_ != nullptr ? home_->node() : kAnyNode);
    WindowPlan plan;
    plan.view = view_.get();
    plan.arena = &store_.arena();
    plan.reserve = &reserve_;
    plan.readable = &source_.readable();
    plan.resident = source_.resident();
    plan.pending = &pending_;
    plan.staged = &staged_.current();
    plan.copied = &copied_;
    plan.fetched = &fetched_;
    plan.unsure = &unsure_;
    plan.copy = &copy_;
    plan.crew = helpers.crew();
    plan.deadline_ms = policy_.pause_deadline_ms;
    plan.cancelled = &cancelled;
    absl::Status status = RunPauseWindow(guest_, guard, plan, clock_, window_);
    paused_ns_ += window_.end_ns - window_.begin_ns;
    // Also when this window fails and another one, whose log is whole again, follows.
    if (window_.answer == DirtyAnswer::kUnknown && guest_.capabilities().dirty_log) {
      everything_pending_ = true;
    }
    if (status.ok()) {
      source_.NoteCopied(copied_);
      cost_.Learn(window_.end_ns - window_.begin_ns, window_.pages_copied);
      return status;
    }
    if (window_.pages_wanted <= reserve_.pages()) return Annotate(status, attempt);
    pages = std::min(window_.pages_wanted + window_.pages_wanted / 4 + 4096,
                     view_->map.readable_pages());
  }
  return absl::AbortedError(attempt + ": pages were dirtied faster than room was made for them");
}

// Without a dirty log all of the guest was copied: only the check keeps each generation from
// holding all of it, so that is never given up.
FinishPlan Capturer::PlanFinish(std::uint64_t due_ns, const std::atomic<bool>& cancelled) const {
  FinishPlan plan;
  plan.view = view_.get();
  plan.arena = &store_.arena();
  plan.pending = &pending_;
  plan.copied = &copied_;
  plan.reserve = &reserve_;
  plan.staged = &staged_;
  if (guest_.capabilities().dirty_log && !everything_pending_) plan.due_ns = due_ns;
  plan.clock = &clock_;
  plan.cancelled = &cancelled;
  return plan;
}

absl::Status Capturer::Finish(std::uint64_t due_ns, const std::atomic<bool>& cancelled) {
  const absl::Status made = MakeNextMap(PlanFinish(due_ns, cancelled), *next_, finish_);
  if (made.ok()) return made;
  return Annotate(made, Attempt() + ": withdrawn");
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
  if (frames.size() < next_->pages()) {
    return absl::InternalError(
        fmt::format("{} pages have only {} machine frames", next_->pages(), frames.size()));
  }
  SF_ASSIGN_OR_RETURN(MachineFrames sealed, MachineFrames::Seal(fmt::format("stillframe-machine-{}",
                                                                            newest_.next().value),
                                                                frames.first(next_->pages())));
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
  metadata.pages_total = next_->pages();
  metadata.pages_present = next_->tally().present;
  metadata.pages_zero = next_->tally().zero;
  metadata.pages_absent = metadata.pages_total - metadata.pages_present - metadata.pages_zero;
  metadata.pages_copied = window_.pages_copied;
  metadata.pages_changed = finish_.pages_changed;
  metadata.pages_unchecked = finish_.pages_unchecked;
  metadata.precopy_rounds = precopy_.rounds;
  metadata.precopy_pages = precopy_.pages;
  metadata.window_page_faults = window_.page_faults;
  metadata.pages_backend_mapped = pages_backend_mapped_;
  metadata.map = view_->map;
  SF_ASSIGN_OR_RETURN(metadata.vcpus, guest_.DecodeVcpus());
  SF_RETURN_IF_ERROR(SealMachineFrames());
  SF_ASSIGN_OR_RETURN(PageMap pages, std::move(*next_).Seal());
  next_.reset();
  SF_ASSIGN_OR_RETURN(newest_snapshot_,
                      store_.Publish(std::move(metadata), std::move(pages), machine_frames_));
  newest_ = newest_.next();
  return newest_snapshot_;
}

}  // namespace stillframe
