#include "guardian/pause_slot.h"

#include <fmt/format.h>

#include <cstring>

namespace stillframe {

std::string_view NameOf(PauseState state) {
  switch (state) {
    case PauseState::kIdle:
      return "idle";
    case PauseState::kArmed:
      return "armed";
    case PauseState::kResuming:
      return "resuming";
    case PauseState::kClaimed:
      return "claimed";
  }
  return "unknown";
}

absl::StatusOr<ResumeTicket> PauseSlot::ReadTicket() const {
  const ResumeTicket ticket = ticket_;
  const auto backend = static_cast<std::uint32_t>(ticket.backend);
  if (backend == static_cast<std::uint32_t>(Backend::kNone) ||
      backend > static_cast<std::uint32_t>(Backend::kXen)) {
    return absl::DataLossError(fmt::format("resume ticket names backend number {}", backend));
  }
  if (std::memchr(ticket.address.data(), '\0', ticket.address.size()) == nullptr) {
    return absl::DataLossError("resume ticket has an address without end");
  }
  return ticket;
}

absl::StatusOr<PauseWord> PauseSlot::Arm(std::uint64_t deadline_ns, std::uint64_t now_ns) {
  const PauseWord idle = Load();
  if (idle.state() != PauseState::kIdle) {
    return absl::UnavailableError(
        fmt::format("arm the guardian: an earlier pause is still {}", NameOf(idle.state())));
  }
  if (pauser_.TryLock() == RobustLock::Outcome::kHeld) {
    return absl::UnavailableError("arm the guardian: another thread pauses this guest");
  }
  deadline_ns_.store(deadline_ns, std::memory_order_relaxed);
  armed_ns_.store(now_ns, std::memory_order_relaxed);
  const PauseWord armed = idle.Next(PauseState::kArmed);
  word_.store(armed.bits, std::memory_order_release);
  return armed;
}

bool PauseSlot::Disarm(PauseWord armed) {
  const bool held = Move(armed.With(PauseState::kResuming), armed.With(PauseState::kIdle)) ||
                    Move(armed, armed.With(PauseState::kIdle));
  pauser_.Unlock();
  return held;
}

bool PauseSlot::PauserIsDead() {
  if (pauser_.TryLock() == RobustLock::Outcome::kHeld) return false;
  pauser_.Unlock();
  return true;
}

}  // namespace stillframe
