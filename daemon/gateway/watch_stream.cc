#include "gateway/watch_stream.h"

#include <optional>
#include <utility>

namespace stillframe {

WatchStream::WatchStream(std::unique_ptr<GatewayCall> owner, std::shared_ptr<LocalClient> client)
    : StreamWriter(std::move(owner)),
      client_(std::move(client)),
      queue_(call().context().limits.watch_events_max) {}

void WatchStream::Watch(const std::string& guest, const v1::WatchSnapshotsRequest& request) {
  LocalClient::WatchHandler handler;
  handler.on_established = [this] {
    {
      MutexLock lock(mu_);
      established_ = true;
    }
    Wake();
  };
  handler.on_event = [this](const v1::SnapshotEvent& event) {
    if (!call().MaySee(event.guest_name(), event.guest_uuid())) return;
    queue_.Push(event);
    Wake();
  };
  handler.on_end = [this](absl::Status status) {
    {
      MutexLock lock(mu_);
      ended_ = true;
      end_ = std::move(status);
    }
    Wake();
  };
  operation_ =
      client_->Watch(guest, request.from_generation(), request.epoch(), std::move(handler));
}

WatchStream::Step WatchStream::Next(v1::WatchSnapshotsResponse& response, absl::Status& end) {
  bool established = false;
  bool ended = false;
  {
    MutexLock lock(mu_);
    established = established_;
    ended = ended_;
    if (ended) end = end_;
  }
  if (established && !greeted_) {
    greeted_ = true;
    return Step::kWrite;
  }
  if (greeted_) {
    if (std::optional<v1::SnapshotEvent> event = queue_.Pop()) {
      *response.mutable_event() = *std::move(event);
      return Step::kWrite;
    }
  }
  return ended ? Step::kEnd : Step::kWait;
}

}  // namespace stillframe
