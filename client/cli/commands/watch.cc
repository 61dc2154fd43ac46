#include "base/status.h"
#include "commands/commands.h"
#include "render/json.h"
#include "render/snapshot_text.h"

namespace stillframe::cli {

absl::Status RunWatch(const Session& session) {
  const Arguments& arguments = session.arguments;
  WatchOptions options;
  options.guest = arguments.snapshot.guest;
  options.from_generation = arguments.from_generation;
  SF_ASSIGN_OR_RETURN(const auto watch, session.connection.Watch(options, session.stop));
  for (std::uint64_t events = 0; arguments.count == 0 || events < arguments.count; ++events) {
    SF_ASSIGN_OR_RETURN(const auto event, watch->Next());
    SF_RETURN_IF_ERROR(Print(session.json() ? JsonLine(ToJson(event)) : EventText(event)));
  }
  return absl::OkStatus();
}

}  // namespace stillframe::cli
