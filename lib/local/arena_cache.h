// The arenas that a reader has mapped, kept for the next pin: mapping one again would fault every
// page again.
//
// Thread-safe. An arena that nobody pinned for a while, or that its guest left behind, is let go:
// a mapping holds the daemon's memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "local/mapped_arena.h"

namespace stillframe {

class ArenaCache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kIdleMax{30};

  static TimePoint Now() { return std::chrono::steady_clock::now(); }

  // The arena with the daemon's number `arena`, which holds the newest snapshots of `guest`.
  absl::StatusOr<std::shared_ptr<MappedArena>> Get(const std::string& guest, std::uint64_t arena,
                                                   std::uint64_t segment_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Lets go of arenas that were neither asked for nor held for kIdleMax.
  void DropIdle(TimePoint now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::uint64_t arena = 0;
    std::shared_ptr<MappedArena> mapped;
    TimePoint used;
  };

  Mutex mu_;
  std::map<std::string, Entry> by_guest_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
