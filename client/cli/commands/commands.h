// The subcommands. Each prints its result and returns, or says why not.
#pragma once

#include "absl/status/status.h"
#include "session.h"

namespace stillframe::cli {

// The one that the arguments name; of those that need a connection.
absl::Status RunCommand(const Session& session);

// version, completion and pki.
absl::Status RunOffline(const Arguments& arguments);

absl::Status RunPki(const Arguments& arguments);

absl::Status RunWhoAmI(const Session& session);
absl::Status RunGuests(const Session& session);
absl::Status RunGuest(const Session& session);
absl::Status RunSnapshots(const Session& session);
absl::Status RunSnapshot(const Session& session);
absl::Status RunShow(const Session& session);
absl::Status RunRead(const Session& session);
absl::Status RunDump(const Session& session);
absl::Status RunDiff(const Session& session);
absl::Status RunWatch(const Session& session);
absl::Status RunVerify(const Session& session);
absl::Status RunPlan(const Session& session);
absl::Status RunTop(const Session& session);
absl::Status RunStatus(const Session& session);

}  // namespace stillframe::cli
