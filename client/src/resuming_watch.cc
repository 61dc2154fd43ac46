#include "resuming_watch.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{2'000};

class ResumingWatch final : public SnapshotWatch {
 public:
  ResumingWatch(const WatchOptions& options, OpenEventStream open, std::stop_token stop)
      : position_(options), open_(std::move(open)), stop_(std::move(stop)) {}

  absl::Status Start() {
    SF_ASSIGN_OR_RETURN(stream_, open_(position_, stop_));
    return absl::OkStatus();
  }

  absl::StatusOr<v1::SnapshotEvent> Next() override {
    if (stop_.stop_requested()) return absl::CancelledError("watch: stopped");
    while (pending_.empty()) {
      auto event = stream_->Next();
      if (event.ok()) {
        Deliver(*std::move(event));
        continue;
      }
      if (stop_.stop_requested()) return absl::CancelledError("watch: stopped");
      if (!absl::IsUnavailable(event.status())) return event.status();
      SF_RETURN_IF_ERROR(Reconnect(event.status()));
    }
    v1::SnapshotEvent event = std::move(pending_.front());
    pending_.pop_front();
    return event;
  }

 private:
  // Queues `event` and remembers where it leaves us. An epoch that began while nobody was
  // connected is announced as if it had been seen.
  void Deliver(v1::SnapshotEvent event) {
    if (!position_.guest.empty() && !event.epoch().empty()) {
      if (!position_.epoch.empty() && position_.epoch != event.epoch() &&
          !event.has_epoch_changed()) {
        v1::SnapshotEvent changed;
        changed.set_guest_uuid(event.guest_uuid());
        changed.set_guest_name(event.guest_name());
        changed.set_epoch(event.epoch());
        changed.mutable_epoch_changed()->set_previous_epoch(position_.epoch);
        pending_.push_back(std::move(changed));
      }
      if (!position_.epoch.empty() && position_.epoch != event.epoch()) {
        position_.from_generation = 1;
      }
      position_.epoch = event.epoch();
      if (event.has_published()) position_.from_generation = event.published().generation() + 1;
    }
    pending_.push_back(std::move(event));
  }

  absl::Status Reconnect(const absl::Status& lost) {
    const auto deadline = std::chrono::steady_clock::now() + position_.reconnect_for;
    absl::Status last = lost;
    for (auto pause = kFirstPause; std::chrono::steady_clock::now() + pause < deadline;
         pause = std::min(pause * 2, kLongestPause)) {
      if (Pause(pause)) return absl::CancelledError("watch: stopped");
      auto stream = open_(position_, stop_);
      if (stream.ok()) {
        stream_ = *std::move(stream);
        if (position_.from_generation == 0) ReportGap();
        return absl::OkStatus();
      }
      last = stream.status();
      const std::string reason = ReasonOf(last).name;
      if (reason == "EPOCH_CHANGED") {
        // Ask for the new epoch from its beginning; Deliver notices that it is another.
        WatchOptions anew = position_;
        anew.epoch.clear();
        anew.from_generation = 1;
        auto begun = open_(anew, stop_);
        if (begun.ok()) {
          stream_ = *std::move(begun);
          return absl::OkStatus();
        }
        last = begun.status();
      }
      // A daemon that has just started may not know its guests yet.
      if (!absl::IsUnavailable(last) && !absl::IsNotFound(last)) return last;
    }
    return last;
  }

  // Nothing says where to resume from: what happened in between is unknown, and said to be.
  void ReportGap() {
    v1::SnapshotEvent gap;
    gap.set_guest_name(position_.guest);
    gap.mutable_missed();
    pending_.push_back(std::move(gap));
  }

  // True: a stop was requested.
  bool Pause(std::chrono::milliseconds duration) {
    std::mutex mutex;
    std::condition_variable_any condition;
    std::unique_lock<std::mutex> lock(mutex);
    return condition.wait_for(lock, stop_, duration, [] { return false; }) ||
           stop_.stop_requested();
  }

  WatchOptions position_;  // where the next stream begins
  const OpenEventStream open_;
  const std::stop_token stop_;
  std::unique_ptr<EventStream> stream_;
  std::deque<v1::SnapshotEvent> pending_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotWatch>> StartResumingWatch(const WatchOptions& options,
                                                                  OpenEventStream open,
                                                                  std::stop_token stop) {
  auto watch = std::make_unique<ResumingWatch>(options, std::move(open), std::move(stop));
  SF_RETURN_IF_ERROR(watch->Start());
  return watch;
}

}  // namespace stillframe
