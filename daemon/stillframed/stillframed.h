// The daemon's two lives: serving snapshots, and cleaning up after a crash.
#pragma once

#include "absl/status/status.h"
#include "config/stillframed_config.h"

namespace stillframe {

// Recovers leftover pauses, starts the guardian, captures and serves until SIGTERM or SIGINT.
// Blocks. Errors are those of starting; once it serves it ends OK.
absl::Status ServeSnapshots(const StillframedConfig& config);

// Resumes the guests that a crash left paused and says which on standard output.
// FAILED_PRECONDITION when some could not be resumed; OK, doing nothing, while another daemon owns
// the ledger.
absl::Status RecoverPausedGuests(const StillframedConfig& config);

}  // namespace stillframe
