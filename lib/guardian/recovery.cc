#include "guardian/recovery.h"

#include <fmt/format.h>

namespace stillframe {

std::vector<RecoveredPause> RecoverLeftovers(PauseLedger& ledger, const ResumerList& resumers) {
  std::vector<RecoveredPause> recovered;
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    PauseSlot& slot = ledger.slot(i);
    const PauseWord left = slot.Load();
    if (left.state() == PauseState::kIdle) continue;
    const PauseWord claimed = left.With(PauseState::kClaimed);
    slot.Claim(left);
    const absl::StatusOr<ResumeTicket> ticket = slot.ReadTicket();
    if (!ticket.ok()) {
      slot.Settle(claimed);
      recovered.push_back({ResumeTicket{}, ticket.status()});
      continue;
    }
    GuestResumer* resumer = FindResumer(resumers, ticket->backend);
    const absl::Status outcome =
        resumer != nullptr ? resumer->Resume(*ticket, -1)
                           : absl::UnimplementedError(fmt::format("this program has no {} backend",
                                                                  NameOf(ticket->backend)));
    if (outcome.ok() || absl::IsNotFound(outcome)) slot.Settle(claimed);
    recovered.push_back({*ticket, outcome});
  }
  return recovered;
}

}  // namespace stillframe
