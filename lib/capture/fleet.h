// The guests of a host and their workers, kept in step with what the hypervisors list.
//
// Thread-safe, but for Discover, which one thread calls every second or so.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "capture/policy.h"
#include "capture/worker.h"
#include "guest/hypervisor.h"

namespace stillframe {

class Fleet {
 public:
  Fleet(std::vector<std::unique_ptr<Hypervisor>> hypervisors, WorkerContext context,
        std::function<GuestPolicy(const GuestIdentity&)> policy_for);

  // Stops all workers; no guest is left paused.
  ~Fleet();

  // Lists all guests, starts workers for new ones and drops those whose guest is gone.
  void Discover() ABSL_LOCKS_EXCLUDED(mu_);

  // Readable when it is worth calling Discover now; of backends that tell. Borrowed, valid until
  // the next Discover.
  std::vector<int> change_fds() const;

  // One guest as last discovered. `worker` is null when it cannot be captured: `unreadable` says
  // why and what to change.
  struct Member {
    GuestIdentity identity;
    RunState state = RunState::kRunning;
    absl::Status unreadable;
    std::shared_ptr<Worker> worker;
  };

  // By name, then id.
  std::vector<Member> Members() const ABSL_LOCKS_EXCLUDED(mu_);

  // The oldest sign of life of any worker (CLOCK_MONOTONIC); `now_ns` when there is none.
  std::uint64_t OldestProgressNs(std::uint64_t now_ns) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Removes members that no hypervisor lists; returns the workers that still ran.
  std::vector<std::shared_ptr<Worker>> DropMissing(const std::set<GuestId>& seen,
                                                   const std::set<Backend>& unlisted)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Admit(Hypervisor& hypervisor, const GuestListing& listing, bool told)
      ABSL_LOCKS_EXCLUDED(mu_);

  const std::vector<std::unique_ptr<Hypervisor>> hypervisors_;
  const WorkerContext context_;
  const std::function<GuestPolicy(const GuestIdentity&)> policy_for_;

  mutable Mutex mu_;
  std::map<GuestId, Member> members_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
