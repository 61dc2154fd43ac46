#include "local_event_stream.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

// A reader this far behind is told what it missed.
constexpr std::size_t kEventsMax = 4096;

// Between the receiving thread, which must not block, and the one that calls Next.
class EventQueue {
 public:
  void Establish() {
    std::lock_guard<std::mutex> lock(mutex_);
    established_ = true;
    changed_.notify_all();
  }

  void Push(const v1::SnapshotEvent& event) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (events_.size() < kEventsMax) {
      events_.push_back(event);
    } else {
      Drop(event);
    }
    changed_.notify_all();
  }

  void End(absl::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    end_ = std::move(status);
    changed_.notify_all();
  }

  absl::Status WaitEstablished(const std::stop_token& stop) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait(lock, stop, [this] { return established_ || end_.has_value(); })) {
      return absl::CancelledError("watch: stopped");
    }
    return established_ ? absl::OkStatus() : *end_;
  }

  absl::StatusOr<v1::SnapshotEvent> Pop(const std::stop_token& stop) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto ready = [this] { return !events_.empty() || dropped_ || end_.has_value(); };
    if (!changed_.wait(lock, stop, ready)) return absl::CancelledError("watch: stopped");
    if (!events_.empty()) {
      v1::SnapshotEvent event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (dropped_) return *std::exchange(dropped_, std::nullopt);
    return *end_;
  }

 private:
  void Drop(const v1::SnapshotEvent& event) {
    if (!dropped_) {
      dropped_.emplace();
      dropped_->set_guest_uuid(event.guest_uuid());
      dropped_->set_guest_name(event.guest_name());
      dropped_->set_epoch(event.epoch());
    }
    v1::Missed& missed = *dropped_->mutable_missed();
    missed.set_events(missed.events() + 1);
    if (!event.has_published()) return;
    const std::uint64_t generation = event.published().generation();
    if (missed.first_generation() == 0) missed.set_first_generation(generation);
    missed.set_last_generation(generation);
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool established_ = false;
  std::deque<v1::SnapshotEvent> events_;
  std::optional<v1::SnapshotEvent> dropped_;  // comes after `events_`
  std::optional<absl::Status> end_;
};

class LocalEventStream final : public EventStream {
 public:
  LocalEventStream(std::shared_ptr<LocalClient> client, std::stop_token stop)
      : client_(std::move(client)), stop_(std::move(stop)) {}

  absl::Status Start(const WatchOptions& from) {
    LocalClient::WatchHandler handler;
    handler.on_established = [queue = queue_] { queue->Establish(); };
    handler.on_event = [queue = queue_](const v1::SnapshotEvent& event) { queue->Push(event); };
    handler.on_end = [queue = queue_](absl::Status status) { queue->End(std::move(status)); };
    operation_ = client_->Watch(from.guest, from.from_generation, from.epoch, std::move(handler));
    return queue_->WaitEstablished(stop_);
  }

  absl::StatusOr<v1::SnapshotEvent> Next() override { return queue_->Pop(stop_); }

 private:
  const std::shared_ptr<LocalClient> client_;
  const std::stop_token stop_;
  const std::shared_ptr<EventQueue> queue_ = std::make_shared<EventQueue>();
  std::unique_ptr<LocalClient::Operation> operation_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EventStream>> OpenLocalEventStream(
    std::shared_ptr<LocalClient> client, const WatchOptions& from, const std::stop_token& stop) {
  auto stream = std::make_unique<LocalEventStream>(std::move(client), stop);
  SF_RETURN_IF_ERROR(stream->Start(from));
  return stream;
}

}  // namespace stillframe
