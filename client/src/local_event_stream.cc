#include "local_event_stream.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace stillframe {
namespace {

// A reader this far behind is told what it missed.
constexpr std::size_t kEventsMax = 4096;

// Between the receiving thread, which must not block, and the one that calls Next.
class EventQueue {
 public:
  void Establish() {
    MutexLock lock(mu_);
    established_ = true;
    changed_.NotifyAll();
  }

  void Push(const v1::SnapshotEvent& event) {
    MutexLock lock(mu_);
    if (events_.size() < kEventsMax) {
      events_.push_back(event);
    } else {
      Drop(event);
    }
    changed_.NotifyAll();
  }

  void End(absl::Status status) {
    MutexLock lock(mu_);
    end_ = std::move(status);
    changed_.NotifyAll();
  }

  absl::Status WaitEstablished(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { Wake(); });
    MutexLock lock(mu_);
    while (!established_ && !end_.has_value()) {
      if (stop.stop_requested()) return absl::CancelledError("watch: stopped");
      changed_.Wait(mu_);
    }
    return established_ ? absl::OkStatus() : *end_;
  }

  absl::StatusOr<v1::SnapshotEvent> Pop(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] { Wake(); });
    MutexLock lock(mu_);
    while (events_.empty() && !dropped_ && !end_.has_value()) {
      if (stop.stop_requested()) return absl::CancelledError("watch: stopped");
      changed_.Wait(mu_);
    }
    if (!events_.empty()) {
      v1::SnapshotEvent event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (dropped_) return *std::exchange(dropped_, std::nullopt);
    return *end_;
  }

 private:
  void Wake() {
    MutexLock lock(mu_);
    changed_.NotifyAll();
  }

  void Drop(const v1::SnapshotEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
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

  Mutex mu_;
  CondVar changed_;
  bool established_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<v1::SnapshotEvent> events_ ABSL_GUARDED_BY(mu_);
  std::optional<v1::SnapshotEvent> dropped_ ABSL_GUARDED_BY(mu_);  // comes after `events_`
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
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
