// Decides which pauses of a ledger nobody else will end, and ends them: the guardian's work.
//
// Owned by the guardian's main thread. Blocks only inside the resumers, at most about a second
// per guest.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "guardian/pause_ledger.h"
#include "guest/hypervisor.h"

namespace stillframe {

using ResumerList = std::vector<std::unique_ptr<GuestResumer>>;
using LogLine = std::function<void(const std::string&)>;

enum class DaemonFate : std::uint8_t {
  kAlive,
  kDying,  // no thread comes back to its own code, but one may still be inside a system call
  kGone,   // no thread is left
};

struct RescuePolicy {
  std::uint64_t resume_grace_ns = 250'000'000;  // for the daemon's own resume call
  std::uint64_t pauser_wait_ns = 5'000'000;     // for a dying thread to leave its system call
  std::uint64_t pauser_look_ns = 100'000;       // between looks at that thread
  std::uint64_t dying_look_ns = 1'000'000;      // between looks at all slots of a dying daemon
  std::uint64_t retry_first_ns = 5'000'000;     // after a failed resume; doubles each time
  std::uint64_t retry_max_ns = 500'000'000;
  std::uint64_t give_up_ns = 30'000'000'000;  // only once the daemon is gone
};

class Rescuer {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  Rescuer(PauseLedger& ledger, const ResumerList& resumers, const Clock& clock, LogLine log,
          RescuePolicy policy);

  // The descriptor to resume slot `index` through, good for tickets of that `connection`.
  void SetResumeFd(std::size_t index, std::uint32_t connection, UniqueFd fd);

  // Resumes, once each, what is overdue or orphaned now. Returns when to call again
  // (CLOCK_MONOTONIC), unless something happens before.
  std::uint64_t Work(DaemonFate fate);

  // Nothing is left to do for a daemon that is gone. What could not be resumed stays in the
  // ledger for RecoverLeftovers.
  bool Finished() const;

 private:
  struct ResumeFd {
    std::uint32_t connection = 0;
    UniqueFd fd;
  };

  // What was done so far about the claimed pause of one slot.
  struct Effort {
    std::uint64_t sequence = 0;
    std::uint64_t since_ns = 0;
    std::uint64_t next_ns = 0;
    std::uint32_t failures = 0;
    bool pauser_lived = false;  // resumed, but the pausing thread may have paused after that
    bool given_up = false;
    std::string_view cause = {};
  };

  std::uint64_t DueNs(PauseSlot& slot, PauseWord seen, const Effort& effort, std::uint64_t now_ns);
  void Attempt(std::size_t index, PauseWord claimed, std::uint64_t now_ns);
  absl::Status Resume(std::size_t index, const ResumeTicket& ticket);

  PauseLedger& ledger_;
  const ResumerList& resumers_;
  const Clock& clock_;
  const LogLine log_;
  const RescuePolicy policy_;
  DaemonFate fate_ = DaemonFate::kAlive;
  std::uint64_t dying_since_ns_ = 0;
  std::array<ResumeFd, PauseLedger::kSlots> fds_;
  std::array<Effort, PauseLedger::kSlots> efforts_;
};

// The resumer for `backend`, or null.
GuestResumer* FindResumer(const ResumerList& resumers, Backend backend);

}  // namespace stillframe
