// Zeroes slots that nobody may read any more, on a thread of its own: neither captures nor readers
// wait for it.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/slot_run.h"

namespace stillframe {

class SlotWiper {
 public:
  using MemoryOf = std::function<std::span<std::byte>(SlotRun)>;
  using Wiped = std::function<void(SlotRun)>;

  // Both are called on the wiper's thread, with no lock held.
  SlotWiper(MemoryOf memory_of, Wiped wiped);

  // Runs that still wait stay as they are.
  ~SlotWiper();

  SlotWiper(const SlotWiper&) = delete;
  SlotWiper& operator=(const SlotWiper&) = delete;

  // Calls `wiped` with it some time later.
  void Add(SlotRun run) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const MemoryOf memory_of_;
  const Wiped wiped_;
  Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<SlotRun> waiting_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: starts when all else stands
};

}  // namespace stillframe
