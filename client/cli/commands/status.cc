
#include "base/status.h"

#include <fmt/format.h>

#include "base/reason.h"
#include "commands/commands.h"
#include "render/json.h"
#include "status/host_verdict.h"

namespace stillframe::cli {

absl::Status RunStatus(const Session& session) {
  SF_ASSIGN_OR_RETURN(const v1::Host host, session.connection.GetHost());
  SF_ASSIGN_OR_RETURN(const auto guests, session.connection.ListGuests());
  const HostVerdict verdict = Judge(host, guests);
  SF_RETURN_IF_ERROR(
      Print(session.json() ? JsonDocument(StatusJson(verdict)) : StatusText(verdict)));
  if (verdict.healthy()) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(fmt::format(
          "unhealthy: {}, the first: {}", ProblemsText(verdict), verdict.problems.front().message)),
      "HOST_UNHEALTHY");
}

}  // namespace stillframe::cli
