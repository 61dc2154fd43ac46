// One guest's pause as daemon and guardian share it, in memory that outlives both.
//
//            Arm            BeginResume            Disarm
//     idle ───────▶ armed ──────────────▶ resuming ───────▶ idle        by the daemon
//                     │                      │
//                     │ deadline             │ deadline + grace
//                     │ or death             │ or death
//                     └──────▶ claimed ◀─────┘
//                                 │ resumed, or the guest is gone
//                                 └───────▶ idle                        by the guardian
//
// Each arrow is one compare-and-swap of a word that also carries the number of the Arm, so one
// side wins each step and neither mistakes a later pause for an earlier one (no ABA). When the
// daemon's armed -> resuming wins, nobody had resumed the guest until then: what was copied
// belongs to one instant. When the guardian's claim wins, Disarm says so: the copy is void.
//
// Ordering: the deadline is written before the release store of `armed`, and read after the
// acquire load of the word; a stale read makes the claim's compare-and-swap fail. The ticket is
// written in `idle` only, and read in any other state.
//
// The daemon's side belongs to one thread. It holds the slot's robust lock while it is armed, so
// that the guardian knows when that thread can no longer carry out a pause it has begun.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guardian/robust_lock.h"
#include "guest/resume_ticket.h"

namespace stillframe {

enum class PauseState : std::uint8_t { kIdle = 0, kArmed = 1, kResuming = 2, kClaimed = 3 };

std::string_view NameOf(PauseState state);

// One look at a slot. Any 64 bits are a valid word.
struct PauseWord {
  std::uint64_t bits = 0;

  PauseState state() const { return static_cast<PauseState>(bits & 3); }
  std::uint64_t sequence() const { return bits >> 2; }
  PauseWord With(PauseState state) const { return {(bits & ~std::uint64_t{3}) | Bits(state)}; }
  PauseWord Next(PauseState state) const { return {((sequence() + 1) << 2) | Bits(state)}; }
  friend bool operator==(PauseWord, PauseWord) = default;

 private:
  static std::uint64_t Bits(PauseState state) { return static_cast<std::uint64_t>(state); }
};

class alignas(256) PauseSlot {
 public:
  PauseWord Load() const { return {word_.load(std::memory_order_acquire)}; }
  std::uint64_t deadline_ns() const { return deadline_ns_.load(std::memory_order_relaxed); }
  std::uint64_t armed_ns() const { return armed_ns_.load(std::memory_order_relaxed); }

  // The ticket, checked. DATA_LOSS: no daemon of this kind wrote it.
  absl::StatusOr<ResumeTicket> ReadTicket() const;

  // Daemon. Only in `idle`.
  void WriteTicket(const ResumeTicket& ticket) { ticket_ = ticket; }

  // Daemon. The armed word, to be given to the next two. UNAVAILABLE unless idle.
  absl::StatusOr<PauseWord> Arm(std::uint64_t deadline_ns, std::uint64_t now_ns);

  // Daemon. False: the guardian was faster.
  bool BeginResume(PauseWord armed) { return Move(armed, armed.With(PauseState::kResuming)); }

  // Daemon. From armed or resuming. False: the guardian was faster.
  bool Disarm(PauseWord armed);

  // Daemon, instead of Disarm: leaves the pause to the guardian. One of the two must come before
  // the ledger is unmapped: the thread's robust list points into it.
  void LetGo() { pauser_.Unlock(); }

  // Guardian. False: the daemon moved on since `seen`; look again.
  bool Claim(PauseWord seen) { return Move(seen, seen.With(PauseState::kClaimed)); }

  // Guardian. The claimed pause is over.
  void Settle(PauseWord claimed) { Move(claimed, claimed.With(PauseState::kIdle)); }

  // Guardian, when the daemon is dying: whether the thread that armed is past its last system
  // call. Not before may a resume count as final.
  bool PauserIsDead();

  // Owner of the ledger, before others use it: keeps word, deadline and ticket.
  void ResetLock() { pauser_.Reset(); }

 private:
  bool Move(PauseWord from, PauseWord to) {
    return word_.compare_exchange_strong(from.bits, to.bits, std::memory_order_acq_rel,
                                         std::memory_order_acquire);
  }

  std::atomic<std::uint64_t> word_;
  std::atomic<std::uint64_t> deadline_ns_;
  std::atomic<std::uint64_t> armed_ns_;
  ResumeTicket ticket_;
  RobustLock pauser_;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(PauseSlot) == 256);

}  // namespace stillframe
