// Gives slots back to an arena in runs rather than one by one.
#pragma once

#include "store/arena.h"

namespace stillframe {

class SlotReleaser {
 public:
  explicit SlotReleaser(Arena& arena) : arena_(arena) {}
  ~SlotReleaser() { Flush(); }
  SlotReleaser(const SlotReleaser&) = delete;
  SlotReleaser& operator=(const SlotReleaser&) = delete;

  void Add(SlotRun run) {
    if (run.count == 0) return;
    const bool joins = run_.count > 0 && run.first == run_.first + run_.count &&
                       run.first % arena_.slots_per_segment() != 0;
    if (joins) {
      run_.count += run.count;
      return;
    }
    Flush();
    run_ = run;
  }

 private:
  void Flush() {
    if (run_.count > 0) arena_.Free(run_);
    run_ = {};
  }

  Arena& arena_;
  SlotRun run_;
};

}  // namespace stillframe
