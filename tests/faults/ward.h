// The product under fault: both daemons, a guest whose pauses are long enough to be hit, two that
// stand by, and the judge of all that must hold after each fault.
//
// Owned by one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "faults/tally.h"
#include "support/sim_process.h"
#include "support/stack.h"

namespace stillframe::faults {

// Who resumes a guest that a fault left paused: the guardian, or, as it died too, the next start.
enum class Rescuer { kGuardian, kNextStart };

class Ward {
 public:
  static absl::StatusOr<std::unique_ptr<Ward>> Open(Tally& tally);

  Stack& stack() { return *stack_; }
  Tally& tally() { return tally_; }
  SimProcess& victim() { return *guests_.front(); }
  pid_t guardian() const;

  // Returns `us` after the victim's next pause began; false when it was not paused for ten seconds.
  bool AwaitPause(std::uint64_t us);

  // The victim ended: starts it again.
  absl::Status ReplaceVictim();

  // Waits for the guests to run, starts what was killed, and judges: the next capture against the
  // victim's memory, the others' by their stamps, descriptors and pins against what they were
  // when all was well. `name` is the fault's, for people.
  void Judge(const std::string& name, Rescuer rescuer = Rescuer::kGuardian);

 private:
  explicit Ward(Tally& tally) : tally_(tally) {}

  absl::Status StartVictim();
  absl::Status Settle();
  bool GuestsRun();
  absl::Status RestartTheDead();
  absl::Status JudgeVictim(const std::string& name);
  absl::Status JudgeBystanders(const std::string& name);
  void JudgeLeaks(const std::string& name);

  Tally& tally_;
  TempDirectory sockets_;
  std::vector<std::unique_ptr<SimProcess>> guests_;  // the victim first
  std::unique_ptr<Stack> stack_;
  std::size_t daemon_files_ = 0;  // at most, when all is well
  std::size_t gateway_files_ = 0;
};

}  // namespace stillframe::faults
