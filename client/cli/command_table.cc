#include "command_table.h"

#include <array>

namespace stillframe::cli {

std::span<const CommandEntry> CommandTable() {
  static const std::vector<CommandEntry> kTable = {
      {Command::kGuests, "guests", "List the guests of this host", "stillframe guests", {}},
      {Command::kGuest, "guest", "Show one guest", "stillframe guest web1", {}},
      {Command::kSnapshots,
       "snapshots",
       "List the generations of a guest that can be read",
       "stillframe snapshots web1",
       {}},
      {Command::kSnapshot,
       "snapshot",
       "Take a snapshot now (Ctrl-C withdraws it)",
       "stillframe snapshot web1",
       {}},
      {Command::kShow,
       "show",
       "Show a snapshot: metadata, registers, memory map",
       "stillframe show web1@7",
       {}},
      {Command::kRead,
       "read",
       "Read guest-physical memory: a hex dump on a terminal, bytes into a pipe or file",
       "stillframe read web1@latest 0x100000 4K",
       {"--output", "--force", "--fill", "--fill-byte", "--hex"}},
      {Command::kDump,
       "dump",
       "Write all memory of a snapshot to a file",
       "stillframe dump web1 -o web1.core --format elf",
       {"--output", "--format", "--force"}},
      {Command::kDiff,
       "diff",
       "List the pages that differ between two generations",
       "stillframe diff web1 6 7 --bytes",
       {"--bytes", "--coalesce"}},
      {Command::kWatch,
       "watch",
       "Follow the snapshots of a guest as they come and go",
       "stillframe watch web1 --from 5",
       {"--from", "--count"}},
      {Command::kVerify,
       "verify",
       "Check that a snapshot of the torn-page test workload is of one instant",
       "stillframe verify web1 --count 20",
       {"--count", "--pages"}},
      {Command::kPlan,
       "plan",
       "Watch a guest for a while and advise how to capture it",
       "stillframe plan web1 --for 60 --pause-ms 5",
       {"--for", "--downtime-percent", "--pause-ms", "--generations"}},
      {Command::kTop,
       "top",
       "Show what captures cost, guest by guest, anew every few seconds",
       "stillframe top",
       {"--interval", "--count", "--once"}},
      {Command::kStatus,
       "status",
       "Tell whether the host's service is healthy; the exit code is for monitoring",
       "stillframe status",
       {}},
      {Command::kWhoAmI,
       "whoami",
       "Show who you are to the gateway, what you may do, and your quotas",
       "stillframe whoami",
       {}},
      {Command::kPki,
       "pki",
       "Make certificates for gateway and clients, or revoke one",
       "stillframe pki ./pki --gateway host.example.org --client spiffe://example.org/monitor/m1",
       {"--gateway", "--client", "--revoke"}},
      {Command::kVersion, "version", "Print the version", "stillframe version", {}},
      {Command::kCompletion,
       "completion",
       "Print a completion script for bash, zsh or fish",
       "source <(stillframe completion bash)",
       {}},
  };
  return kTable;
}

bool IsOffline(Command command) {
  return command == Command::kVersion || command == Command::kCompletion ||
         command == Command::kPki;
}

bool TakesGuest(Command command) {
  return !IsOffline(command) && command != Command::kGuests && command != Command::kTop &&
         command != Command::kStatus && command != Command::kWhoAmI;
}

std::span<const std::string_view> GlobalOptions() {
  static constexpr std::array<std::string_view, 8> kOptions = {
      "--target", "--context", "--json", "--progress", "--cacert", "--cert", "--key", "--help"};
  return kOptions;
}

}  // namespace stillframe::cli
