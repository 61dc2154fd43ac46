// The stillframe command: parse, connect, run one command, explain what went wrong.
#include <fmt/format.h>

#include <cstdio>
#include <variant>

#include "arguments.h"
#include "base/reason.h"
#include "base/status.h"
#include "commands/commands.h"
#include "exit_code.h"
#include "explain.h"
#include "interrupt.h"
#include "session.h"

namespace stillframe::cli {
namespace {

absl::Status RunConnected(const Arguments& arguments, const std::stop_token& stop) {
  SF_ASSIGN_OR_RETURN(const auto connection, Connection::Open(arguments.target, arguments.tls));
  const absl::Status status = RunCommand({arguments, *connection, stop});
  if (ReasonOf(status).name != "GUEST_NOT_FOUND") return status;
  const auto guests = connection->ListGuests();
  if (!guests.ok()) return status;
  return WithReason(
      absl::NotFoundError(fmt::format("no guest is called \"{}\": {}", arguments.snapshot.guest,
                                      SuggestGuests(arguments.snapshot.guest, *guests))),
      "GUEST_NOT_FOUND");
}

int Run(int argc, char** argv) {
  const auto parsed = ParseArguments(argc, argv);
  if (const auto* usage = std::get_if<UsageText>(&parsed)) {
    fmt::print(usage->exit_code == 0 ? stdout : stderr, "{}", usage->text);
    return usage->exit_code;
  }
  const auto& arguments = std::get<Arguments>(parsed);
  absl::Status status;
  bool interrupted = false;
  if (IsOffline(arguments.command)) {
    status = RunOffline(arguments);
  } else {
    const Interrupt interrupt;
    status = RunConnected(arguments, interrupt.token());
    interrupted = interrupt.token().stop_requested();
  }
  if (status.ok()) return static_cast<int>(ExitCode::kOk);
  if (interrupted) {
    fmt::print(stderr, "stillframe: interrupted\n");
    return static_cast<int>(ExitCode::kInterrupted);
  }
  fmt::print(stderr, "stillframe: {}\n", Explain(status));
  return static_cast<int>(ExitCodeOf(status));
}

}  // namespace
}  // namespace stillframe::cli

int main(int argc, char** argv) { return stillframe::cli::Run(argc, argv); }
