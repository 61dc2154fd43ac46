#include "plan/guest_watcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/status.h"
#include "render/progress.h"
#include "render/text.h"
#include "wait.h"

namespace stillframe::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Between captures, over and over: how changes grow with time shows best where it varies.
constexpr std::array kDistances = {Milliseconds(100), Milliseconds(200), Milliseconds(400),
                                   Milliseconds(800), Milliseconds(1600)};

// Our captures leave the guest at least this many times their pause.
constexpr int kRunsPerPause = 20;

double PauseSeconds(const v1::Snapshot& snapshot) {
  return static_cast<double>(snapshot.pause_end_ns() - snapshot.pause_begin_ns()) / 1e9;
}

}  // namespace

absl::StatusOr<GuestObservation> GuestWatcher::Watch(std::chrono::seconds time) {
  Progress progress("plan", 0, session_.arguments.progress);
  const auto begin = Clock::now();
  for (std::size_t i = 0; Clock::now() - begin < time; ++i) {
    if (session_.stop.stop_requested()) return absl::CancelledError("interrupted");
    SF_RETURN_IF_ERROR(CaptureOnce());
    progress.Tell(
        fmt::format("plan {}: {} of {} s, {} captures", Printable(guest_.name()),
                    std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin).count(),
                    time.count(), pauses_.size()));
    const Milliseconds least(static_cast<std::int64_t>(PauseSeconds(last_) * 1e3 * kRunsPerPause));
    WaitFor(std::max(kDistances[i % kDistances.size()], least), session_.stop);
  }
  if (changes_.samples().size() < 2) {
    return absl::FailedPreconditionError(fmt::format(
        "plan {}: too few captures in {} s; watch longer (--for)", guest_.name(), time.count()));
  }
  GuestObservation seen;
  seen.dirty_log = guest_.capabilities().dirty_log();
  seen.guest_pages = last_.pages_present() + last_.pages_zero();
  seen.pages_with_bytes = last_.pages_present();
  seen.changes = changes_.samples();
  seen.pauses = pauses_;
  if (changed_pages_ > 0) {
    seen.copied_per_changed =
        std::max(1.0, static_cast<double>(copied_pages_) / static_cast<double>(changed_pages_));
  }
  return seen;
}

absl::Status GuestWatcher::CaptureOnce() {
  SF_RETURN_IF_ERROR(session_.connection.Capture(guest_.uuid(), session_.stop).status());
  SF_ASSIGN_OR_RETURN(const auto snapshots, session_.connection.ListSnapshots(guest_.uuid()));
  for (const v1::Snapshot& snapshot : snapshots) SF_RETURN_IF_ERROR(See(snapshot));
  return absl::OkStatus();
}

absl::Status GuestWatcher::See(const v1::Snapshot& snapshot) {
  const bool same_epoch = snapshot.epoch() == last_.epoch();
  if (same_epoch && snapshot.generation() <= last_.generation()) return absl::OkStatus();
  const bool first = last_.epoch().empty();
  const bool follows = same_epoch && snapshot.generation() == last_.generation() + 1;
  if (!first) {
    pauses_.push_back({static_cast<double>(snapshot.pages_copied()), PauseSeconds(snapshot)});
  }
  if (follows && snapshot.method() != v1::Snapshot::METHOD_FULL) {
    const absl::Status status = SeeChanges(snapshot);
    if (!status.ok() && !absl::IsOutOfRange(status)) return status;
    if (!status.ok()) changes_.Break();  // evicted by now
  } else {
    changes_.Break();
  }
  last_ = snapshot;
  return absl::OkStatus();
}

absl::Status GuestWatcher::SeeChanges(const v1::Snapshot& snapshot) {
  SF_ASSIGN_OR_RETURN(const auto reader,
                      session_.connection.OpenSnapshot(
                          Select(guest_.uuid(), snapshot.generation(), snapshot.epoch())));
  std::vector<GfnRange> changed;
  SF_RETURN_IF_ERROR(reader->ForEachChangedExtent(
      Generation{last_.generation()}, 0,
      [&](GfnRange extent) {
        changed.push_back(extent);
        return absl::OkStatus();
      },
      session_.stop));
  changes_.Add(static_cast<double>(snapshot.pause_begin_ns() - last_.pause_begin_ns()) / 1e9,
               changed);
  changed_pages_ += snapshot.pages_changed();
  copied_pages_ += snapshot.pages_copied() + snapshot.precopy_pages();
  return absl::OkStatus();
}

}  // namespace stillframe::cli
