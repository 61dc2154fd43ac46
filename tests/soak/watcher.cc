#include "soak/watcher.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>

#include "soak/rest.h"
#include "stillframe/connection.h"

namespace stillframe::soak {
namespace {

constexpr double kNsPerUs = 1000;

struct Position {
  std::string epoch;
  std::uint64_t generation = 0;
  bool was_told_of_missing = false;
};

class Watcher {
 public:
  Watcher(Duty duty, Tally& tally) : duty_(duty), tally_(tally) {}

  // A new watch begins where the guests are now.
  void BeginAnew() { positions_.clear(); }

  void See(const v1::SnapshotEvent& event) {
    ++tally_.events;
    Position& position = positions_[event.guest_uuid()];
    if (event.has_missed()) {
      ++tally_.missed;
      // One that names no guest is about all.
      if (event.guest_uuid().empty()) {
        for (auto& [guest, of_guest] : positions_) of_guest.was_told_of_missing = true;
      }
      position.was_told_of_missing = true;
    }
    if (event.has_capture_failed() && duty_ == Duty::kCount) ++tally_.capture_fails;
    if (event.has_published()) SeePublished(event.published(), position);
  }

 private:
  void SeePublished(const v1::Snapshot& snapshot, Position& position) {
    const bool same_epoch = position.epoch == snapshot.epoch();
    if (same_epoch && snapshot.generation() != position.generation + 1 &&
        !position.was_told_of_missing) {
      tally_.AddGap(fmt::format("watch: {}@{} of epoch {} came after {}", snapshot.guest_name(),
                                snapshot.generation(), snapshot.epoch(), position.generation));
    }
    position = {snapshot.epoch(), snapshot.generation(), false};
    if (duty_ != Duty::kCount) return;
    ++tally_.captures;
    tally_.AddPause(static_cast<double>(snapshot.pause_end_ns() - snapshot.pause_begin_ns()) /
                    kNsPerUs);
  }

  const Duty duty_;
  Tally& tally_;
  std::map<std::string, Position> positions_;  // by guest
};

}  // namespace

void RunWatcher(const std::string& target, Duty duty, Tally& tally, std::stop_token stop) {
  Watcher watcher(duty, tally);
  while (!stop.stop_requested()) {
    auto connection = Connection::Open(target);
    absl::Status status = connection.status();
    if (status.ok()) {
      watcher.BeginAnew();
      auto watch = (*connection)->Watch({}, stop);
      status = watch.status();
      while (status.ok()) {
        const auto event = (*watch)->Next();
        status = event.status();
        if (event.ok()) watcher.See(*event);
      }
    }
    if (!stop.stop_requested()) tally.AddError(status);
    RestFor(std::chrono::milliseconds(200), stop);
  }
}

}  // namespace stillframe::soak
