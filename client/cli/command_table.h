// The subcommands by name: what help, argument parsing and shell completion share.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace stillframe::cli {

enum class Command : unsigned char {
  kGuests,
  kGuest,
  kSnapshots,
  kSnapshot,
  kShow,
  kRead,
  kDump,
  kDiff,
  kWatch,
  kVerify,
  kPlan,
  kTop,
  kStatus,
  kWhoAmI,
  kPki,
  kVersion,
  kCompletion,
};

struct CommandEntry {
  Command command;
  std::string_view name;
  std::string_view summary;
  std::string_view example;
  std::vector<std::string_view> options;  // its own, besides the global ones
};

std::span<const CommandEntry> CommandTable();

// Whether the command works without a connection.
bool IsOffline(Command command);

// Whether its first argument is a guest.
bool TakesGuest(Command command);

// Valid before and after a subcommand.
std::span<const std::string_view> GlobalOptions();

}  // namespace stillframe::cli
