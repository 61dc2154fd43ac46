// Results of captures on their way from worker threads to the serving thread.
//
// Thread-safe. Workers keep it alive, so that a late result finds it after the server is gone.
#pragma once

#include <sys/eventfd.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "store/snapshot.h"

namespace stillframe {

// Makes a poll() on fd() return. Async-signal-safe.
class WakeUp {
 public:
  explicit WakeUp(UniqueFd eventfd) : eventfd_(std::move(eventfd)) {}
  void Signal() const { eventfd_write(eventfd_.get(), 1); }
  void Clear() const {
    eventfd_t count = 0;
    eventfd_read(eventfd_.get(), &count);
  }
  int fd() const { return eventfd_.get(); }

 private:
  const UniqueFd eventfd_;
};

struct Completion {
  std::uint64_t connection = 0;
  std::uint64_t request = 0;
  absl::StatusOr<SnapshotPtr> result;
};

class CompletionQueue {
 public:
  explicit CompletionQueue(UniqueFd eventfd) : wake_(std::move(eventfd)) {}

  void Push(Completion completion) ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(mu_);
      waiting_.push_back(std::move(completion));
    }
    wake_.Signal();
  }

  std::vector<Completion> TakeAll() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return std::exchange(waiting_, {});
  }

  const WakeUp& wake() const { return wake_; }

 private:
  const WakeUp wake_;
  Mutex mu_;
  std::vector<Completion> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
