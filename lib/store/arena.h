// The shared memory that holds one guest's page copies.
//
// A list of fixed-size memfd segments, sealed so that nobody but this process can ever write them,
// faulted in when they are made and recycled slot by slot. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "store/slot.h"
#include "store/slot_run.h"
#include "store/slot_wiper.h"

namespace stillframe {

// Memory that all arenas of a process share. Thread-safe.
class ArenaBudget {
 public:
  explicit ArenaBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED when `bytes` more do not fit.
  absl::Status Take(std::uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void Return(std::uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t available() const ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t bytes_max() const { return bytes_max_; }

 private:
  const std::uint64_t bytes_max_;
  mutable Mutex mu_;
  std::uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
};

// What page copies are worth beyond being nobody else's to read. No core dump has them anyway.
struct ArenaSecrecy {
  bool lock = false;  // never on a swap device: needs RLIMIT_MEMLOCK to allow the whole arena
  bool wipe = false;  // zeroed when freed, and all that is left when the arena goes
};

class Arena {
 public:
  struct Options {
    std::string name;                                   // shows in /proc/PID/maps
    std::uint64_t bytes_max = 0;                        // bound of this arena
    std::size_t segment_bytes = std::size_t{64} << 20;  // a power of two
    std::shared_ptr<ArenaBudget> budget;                // bound of all; null: none

    // Says where a new segment's memory is to come from, before any of it is touched; null: from
    // where the kernel likes.
    std::function<void(std::span<std::byte>)> place = nullptr;

    ArenaSecrecy secrecy = {};
  };

  explicit Arena(Options options);

  // Where it wipes, zeroes what was not freed: 0.1 s for each GiB.
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Appends runs that together hold exactly `slots` free slots to `runs` and takes them, making
  // and faulting in new segments as needed (that blocks for some 10 ms each). All or nothing:
  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED names the bound that was reached. Rather than to
  // grow it waits for slots that are being wiped.
  absl::Status Reserve(std::uint64_t slots, std::vector<SlotRun>& runs) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether Reserve(slots) would find room within the bounds, should nobody else take it first.
  bool CanReserve(std::uint64_t slots) const ABSL_LOCKS_EXCLUDED(mu_);

  // Gives slots back, once they are wiped where that is asked for; it does not wait for that.
  // Nobody may read them through a live generation any more.
  void Free(SlotRun run) ABSL_LOCKS_EXCLUDED(mu_);

  // The page of a taken slot. Valid as long as the arena. Lock-free: usable in the pause window.
  std::byte* At(Slot slot) const {
    return segments_at_[slot >> slot_shift_] +
           (static_cast<std::size_t>(slot & slot_mask_) << kPageShift);
  }

  std::size_t segment_bytes() const { return options_.segment_bytes; }
  std::uint32_t slots_per_segment() const { return slot_mask_ + 1; }
  std::uint32_t segment_count() const ABSL_LOCKS_EXCLUDED(mu_);

  // A read-only descriptor of segment `index` for readers; borrowed, valid as long as the arena.
  int segment_fd(std::uint32_t index) const ABSL_LOCKS_EXCLUDED(mu_);

  // Whether slots are zeroed when they are freed.
  bool wipes() const { return wiper_ != nullptr; }

  std::uint64_t bytes_max() const { return options_.bytes_max; }
  std::uint64_t bytes_held() const ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t bytes_used() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Segment {
    Mapping mapping;
    UniqueFd reader_fd;
    std::vector<std::uint64_t> free_words;  // one bit per slot, set: free
    std::uint32_t free_slots = 0;
  };

  absl::Status Grow() ABSL_LOCKS_EXCLUDED(mu_);
  std::span<std::byte> MemoryOf(SlotRun run) const;
  void MakeFree(SlotRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WipeTaken();
  void TakeFrom(std::uint32_t segment_index, std::uint64_t& wanted, std::vector<SlotRun>& runs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const unsigned slot_shift_;
  const std::uint32_t slot_mask_;

  // One pointer per possible segment, written before the segment's slots are given out, so that
  // At needs no lock.
  std::unique_ptr<std::byte*[]> segments_at_;
  std::uint32_t segments_max_ = 0;

  mutable Mutex mu_;
  std::vector<std::unique_ptr<Segment>> segments_ ABSL_GUARDED_BY(mu_);
  std::uint64_t free_slots_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t unwiped_slots_ ABSL_GUARDED_BY(mu_) = 0;  // free soon
  CondVar wiped_;
  std::unique_ptr<SlotWiper> wiper_;  // null: nothing is wiped; last: its thread uses the rest
};

}  // namespace stillframe
