#include "gateway/daemon_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

// The newest generation can be evicted between asking for its number and pinning it; that often in
// a row only if the daemon keeps one generation and takes hundreds a second.
constexpr int kPinAttempts = 4;

bool Names(const v1::Snapshot& snapshot, std::string_view guest) {
  return snapshot.guest_uuid() == guest || snapshot.guest_name() == guest;
}

v1::SnapshotSelector ExactSelector(const v1::Snapshot& snapshot) {
  v1::SnapshotSelector selector;
  selector.set_guest(snapshot.guest_uuid());
  selector.set_epoch(snapshot.epoch());
  selector.set_generation(snapshot.generation());
  return selector;
}

}  // namespace

DaemonLink::DaemonLink(Connector connect, Options options, std::function<void(State)> on_state)
    : connect_(std::move(connect)),
      options_(options),
      on_state_(std::move(on_state)),
      last_error_(absl::UnavailableError("not connected yet")),
      thread_([this] { Run(); }) {}

DaemonLink::~DaemonLink() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void DaemonLink::Run() {
  std::chrono::milliseconds pause = options_.retry_min;
  std::optional<State> told;
  const auto tell = [&](State state) {
    if (told != state && on_state_) on_state_(state);
    told = state;
  };
  do {
    absl::StatusOr<std::unique_ptr<LocalClient>> client = connect_();
    if (!client.ok()) {
      {
        MutexLock lock(mu_);
        last_error_ = client.status();
      }
      tell(State::kAway);
      const auto nap = pause;
      pause = std::min(pause * 2, options_.retry_max);
      if (!Nap(nap)) return;
      continue;
    }
    {
      MutexLock lock(mu_);
      client_ = *std::move(client);
    }
    pause = options_.retry_min;
    tell(State::kThere);
    WaitUntilLost();
    std::shared_ptr<LocalClient> lost;
    {
      MutexLock lock(mu_);
      lost = std::exchange(client_, nullptr);
      last_error_ = absl::UnavailableError("the connection was lost");
      if (stopping_) return;
    }
    tell(State::kAway);
  } while (true);
}

bool DaemonLink::Nap(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  MutexLock lock(mu_);
  while (!stopping_) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) return true;
    changed_.WaitFor(mu_, left);
  }
  return false;
}

void DaemonLink::WaitUntilLost() {
  MutexLock lock(mu_);
  while (!stopping_ && client_->connected()) changed_.WaitFor(mu_, options_.check_period);
}

absl::Status DaemonLink::Away() const {
  return WithReason(absl::UnavailableError(
                        fmt::format("stillframed cannot be reached: {}", MessageOf(last_error_))),
                    "DAEMON_UNAVAILABLE");
}

absl::StatusOr<std::shared_ptr<LocalClient>> DaemonLink::Client() {
  MutexLock lock(mu_);
  if (client_ == nullptr) return Away();
  if (!client_->connected()) {
    changed_.NotifyAll();
    return WithReason(absl::UnavailableError("stillframed just went away"), "DAEMON_UNAVAILABLE");
  }
  return client_;
}

absl::StatusOr<std::vector<v1::Guest>> DaemonLink::ListGuests() {
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, Client());
  SF_ASSIGN_OR_RETURN(std::vector<v1::Guest> guests, client->ListGuests());
  std::sort(guests.begin(), guests.end(), [](const v1::Guest& a, const v1::Guest& b) {
    return std::tie(a.name(), a.uuid()) < std::tie(b.name(), b.uuid());
  });
  return guests;
}

absl::StatusOr<v1::Guest> FindGuest(std::vector<v1::Guest> guests, std::string_view guest) {
  v1::Guest* named = nullptr;
  for (v1::Guest& candidate : guests) {
    if (candidate.uuid() == guest) return std::move(candidate);
    if (candidate.name() != guest) continue;
    if (named != nullptr) {
      return WithReason(absl::InvalidArgumentError(fmt::format(
                            "several guests are called {}: name one by its UUID", guest)),
                        "GUEST_NAME_AMBIGUOUS", {{"guest", std::string(guest)}});
    }
    named = &candidate;
  }
  if (named != nullptr) return std::move(*named);
  return GuestNotFound(guest);
}

std::shared_ptr<PinnedSnapshot> DaemonLink::FindHeld(const v1::SnapshotSelector& selector) {
  if (selector.generation() == 0 || selector.epoch().empty()) return nullptr;
  std::vector<std::shared_ptr<PinnedSnapshot>> candidates;  // released without the lock
  {
    MutexLock lock(mu_);
    for (const auto& [key, weak] : held_) {
      if (std::get<1>(key) != selector.epoch() || std::get<2>(key) != selector.generation()) {
        continue;
      }
      if (std::shared_ptr<PinnedSnapshot> held = weak.lock()) candidates.push_back(std::move(held));
    }
  }
  for (std::shared_ptr<PinnedSnapshot>& held : candidates) {
    if (Names(held->metadata(), selector.guest()) && held->CheckHeld().ok()) {
      return std::move(held);
    }
  }
  return nullptr;
}

std::shared_ptr<PinnedSnapshot> DaemonLink::Share(std::shared_ptr<PinnedSnapshot> snapshot) {
  const v1::Snapshot& metadata = snapshot->metadata();
  MutexLock lock(mu_);
  std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
  held_[{metadata.guest_uuid(), metadata.epoch(), metadata.generation()}] = snapshot;
  return snapshot;
}

absl::StatusOr<std::shared_ptr<PinnedSnapshot>> DaemonLink::Pin(
    const v1::SnapshotSelector& selector) {
  if (auto held = FindHeld(selector)) return held;
  for (int attempt = 1;; ++attempt) {
    SF_ASSIGN_OR_RETURN(const std::shared_ptr<LocalClient> client, Client());
    SF_ASSIGN_OR_RETURN(const v1::Snapshot found, client->GetSnapshot(selector));
    const v1::SnapshotSelector exact = ExactSelector(found);
    if (auto held = FindHeld(exact)) return held;
    absl::StatusOr<std::shared_ptr<PinnedSnapshot>> pinned =
        client->Pin(exact, std::chrono::milliseconds(0));
    if (pinned.ok()) return Share(*std::move(pinned));
    const bool newest_moved_on = selector.generation() == 0 && absl::IsOutOfRange(pinned.status());
    if (!newest_moved_on || attempt == kPinAttempts) return pinned.status();
  }
}

}  // namespace stillframe
