#include "capture/capture_turns.h"

#include <chrono>

namespace stillframe {
namespace {

// Also how late a withdrawal is noticed whose Wake came between the look at it and the wait.
constexpr std::chrono::milliseconds kBetweenLooks{100};

}  // namespace

CaptureTurns::Turn CaptureTurns::Wait(const std::atomic<bool>& withdrawn,
                                      const std::function<void()>& alive) {
  MutexLock lock(mu_);
  const std::uint64_t ticket = next_ticket_++;
  waiting_.insert(ticket);
  while (!withdrawn && (running_ >= parallel_max_ || *waiting_.begin() != ticket)) {
    changed_.WaitFor(mu_, kBetweenLooks);
    alive();
  }
  waiting_.erase(ticket);
  if (withdrawn) {
    changed_.NotifyAll();
    return {};
  }
  ++running_;
  if (running_ < parallel_max_) changed_.NotifyAll();
  return Turn(this);
}

void CaptureTurns::GiveBack() {
  {
    MutexLock lock(mu_);
    --running_;
  }
  changed_.NotifyAll();
}

}  // namespace stillframe
