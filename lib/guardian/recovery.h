// Resumes the guests that a crash of both daemon and guardian left paused.
//
// For the daemon's start, before it spawns a guardian, and for `stillframed --recover`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "guardian/pause_ledger.h"
#include "guardian/rescuer.h"
#include "guest/resume_ticket.h"

namespace stillframe {

struct RecoveredPause {
  ResumeTicket ticket;   // all default when `outcome` is DATA_LOSS
  absl::Status outcome;  // OK: resumed. NOT_FOUND: that guest is gone. Else: still in the ledger
};

// Tries each pause in `ledger` once; blocks for about a second per guest at worst. The caller
// owns the ledger and has no guardian yet. What fails stays in the ledger: a guardian tries on.
// A pause whose ticket is damaged is dropped, with DATA_LOSS.
std::vector<RecoveredPause> RecoverLeftovers(PauseLedger& ledger, const ResumerList& resumers);

}  // namespace stillframe
