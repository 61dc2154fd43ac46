// The pauses in force, in a file that survives the death of daemon and guardian.
//
// One daemon owns it (flock; its guardian shares the lock, so a successor waits until that has
// finished). Thread-safe: slots synchronise themselves. The file is trusted only as far as its
// permissions go, and its contents are checked.
//
//     0      header: magic, version, slot count, owner, counters, life lock
//     4096   256 slots of 256 bytes (pause_slot.h)
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "guardian/pause_slot.h"
#include "guardian/robust_lock.h"

namespace stillframe {

class PauseLedger {
 public:
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kBytes = 4096 + kSlots * sizeof(PauseSlot);

  // For the daemon: creates the file or takes it over, leaving a predecessor's pauses in it for
  // RecoverLeftovers. Waits up to `patience` for the guardian of a dead predecessor.
  // ALREADY_EXISTS: another daemon, named, has it. DATA_LOSS or FAILED_PRECONDITION: not a ledger
  // of this version; PERMISSION_DENIED: others could write it.
  static absl::StatusOr<PauseLedger> Open(const std::string& path,
                                          std::chrono::milliseconds patience);

  // For the guardian: maps the ledger that its daemon opened.
  static absl::StatusOr<PauseLedger> Attach(UniqueFd fd);

  int fd() const { return fd_.get(); }
  PauseSlot& slot(std::size_t index);

  // Held by a thread of the daemon from start to end.
  RobustLock& life();

  // Guests that guardians resumed since the file was created.
  std::atomic<std::uint64_t>& guardian_resumes();

 private:
  PauseLedger(UniqueFd fd, Mapping mapping) : fd_(std::move(fd)), mapping_(std::move(mapping)) {}

  UniqueFd fd_;
  Mapping mapping_;
};

}  // namespace stillframe
