// The gateway's connection to the daemon, made anew whenever the daemon comes back.
//
// Thread-safe. A thread of its own connects, with growing pauses up to a bound; calls meanwhile
// fail at once with UNAVAILABLE, reason DAEMON_UNAVAILABLE. Snapshots that are still held stay
// readable while the daemon is away.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "local/client.h"

namespace stillframe {

// The one of `guests` with that UUID or, where only one has it, that name. NOT_FOUND
// (GUEST_NOT_FOUND), INVALID_ARGUMENT (GUEST_NAME_AMBIGUOUS).
absl::StatusOr<v1::Guest> FindGuest(std::vector<v1::Guest> guests, std::string_view guest);

class DaemonLink {
 public:
  using Connector = std::function<absl::StatusOr<std::unique_ptr<LocalClient>>()>;
  enum class State { kAway, kThere };

  struct Options {
    std::chrono::milliseconds retry_min{20};
    std::chrono::milliseconds retry_max{1000};
    std::chrono::milliseconds check_period{50};  // how soon a lost connection is noticed
  };

  // Starts to connect. `on_state` is called on the link's thread at every change, the first time
  // once it is known whether the daemon is there.
  DaemonLink(Connector connect, Options options, std::function<void(State)> on_state);
  ~DaemonLink();

  // The connection, for calls that go straight through.
  absl::StatusOr<std::shared_ptr<LocalClient>> Client() ABSL_LOCKS_EXCLUDED(mu_);

  // By name then UUID.
  absl::StatusOr<std::vector<v1::Guest>> ListGuests();

  // Pins a generation, or shares the pin that another reader of it already has. Blocks for a few
  // round trips to the daemon; for none when the selector names generation and epoch and the
  // snapshot is held already.
  absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Pin(const v1::SnapshotSelector& selector)
      ABSL_LOCKS_EXCLUDED(mu_);

  // One that is held already, of a selector with generation and epoch: it names a snapshot exactly
  // and needs no daemon to be resolved. Null: none.
  std::shared_ptr<PinnedSnapshot> FindHeld(const v1::SnapshotSelector& selector)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Guest UUID, epoch, generation.
  using Key = std::tuple<std::string, std::string, std::uint64_t>;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void WaitUntilLost() ABSL_LOCKS_EXCLUDED(mu_);
  bool Nap(std::chrono::milliseconds time) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Away() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<PinnedSnapshot> Share(std::shared_ptr<PinnedSnapshot> snapshot)
      ABSL_LOCKS_EXCLUDED(mu_);

  const Connector connect_;
  const Options options_;
  const std::function<void(State)> on_state_;

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<LocalClient> client_ ABSL_GUARDED_BY(mu_);
  absl::Status last_error_ ABSL_GUARDED_BY(mu_);
  std::map<Key, std::weak_ptr<PinnedSnapshot>> held_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stillframe
