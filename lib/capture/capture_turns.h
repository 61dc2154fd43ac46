// Lets only so many captures of a daemon run at once: copies of several guests share one memory
// bus, and each would make the other's pause longer.
//
// Thread-safe. First come, first served.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>

#include "base/mutex.h"

namespace stillframe {

class CaptureTurns {
 public:
  explicit CaptureTurns(std::uint64_t parallel_max) : parallel_max_(parallel_max) {}

  // A turn; given back when this goes.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->GiveBack();
    }

   private:
    friend class CaptureTurns;
    explicit Turn(CaptureTurns* turns) : turns_(turns) {}
    CaptureTurns* turns_ = nullptr;
  };

  // Waits for a turn, or until `withdrawn` is true: then what it returns is no turn, and the caller
  // looks at `withdrawn` anyway. `alive` is called now and then meanwhile.
  Turn Wait(const std::atomic<bool>& withdrawn, const std::function<void()>& alive)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Somebody's `withdrawn` may have changed.
  void Wake() { changed_.NotifyAll(); }

 private:
  void GiveBack() ABSL_LOCKS_EXCLUDED(mu_);

  const std::uint64_t parallel_max_;
  Mutex mu_;
  CondVar changed_;
  std::uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t next_ticket_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::uint64_t> waiting_ ABSL_GUARDED_BY(mu_);  // tickets
};

}  // namespace stillframe
