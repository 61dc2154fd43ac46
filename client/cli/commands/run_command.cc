#include <fmt/format.h>

#include "base/status.h"
#include "commands/commands.h"
#include "completion.h"
#include "render/json.h"

namespace stillframe::cli {

absl::Status RunCommand(const Session& session) {
  switch (session.arguments.command) {
    case Command::kWhoAmI:
      return RunWhoAmI(session);
    case Command::kGuests:
      return RunGuests(session);
    case Command::kGuest:
      return RunGuest(session);
    case Command::kSnapshots:
      return RunSnapshots(session);
    case Command::kSnapshot:
      return RunSnapshot(session);
    case Command::kShow:
      return RunShow(session);
    case Command::kRead:
      return RunRead(session);
    case Command::kDump:
      return RunDump(session);
    case Command::kDiff:
      return RunDiff(session);
    case Command::kWatch:
      return RunWatch(session);
    case Command::kVerify:
      return RunVerify(session);
    case Command::kPlan:
      return RunPlan(session);
    case Command::kTop:
      return RunTop(session);
    case Command::kStatus:
      return RunStatus(session);
    case Command::kVersion:
    case Command::kCompletion:
    case Command::kPki:
      break;
  }
  return absl::InternalError("this command needs no connection");
}

absl::Status RunOffline(const Arguments& arguments) {
  if (arguments.command == Command::kPki) return RunPki(arguments);
  if (arguments.command == Command::kCompletion) return Print(CompletionScript(arguments.shell));
  if (arguments.output == Output::kJson) {
    return Print(JsonDocument({{"version", STILLFRAME_VERSION}, {"api", "stillframe.v1"}}));
  }
  return Print(fmt::format("stillframe {} (API stillframe.v1)\n", STILLFRAME_VERSION));
}

}  // namespace stillframe::cli
