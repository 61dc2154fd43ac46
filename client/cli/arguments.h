// The command line, parsed and checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "command_table.h"
#include "plan/planner.h"
#include "render/progress.h"
#include "selector.h"
#include "stillframe/connection.h"

namespace stillframe::cli {

enum class Output : std::uint8_t { kText, kJson };
enum class DumpFormat : std::uint8_t { kRaw, kElf, kLime };

struct PkiArguments {
  std::string directory;
  std::vector<std::string> hosts;    // of the gateway
  std::vector<std::string> clients;  // identities
  std::vector<std::string> revoke;   // names of certificates in the directory
};

struct Arguments {
  Command command = Command::kGuests;
  std::string target = kDefaultTarget;
  TlsFiles tls;
  Output output = Output::kText;
  Progress::When progress = Progress::When::kOnTerminal;

  SnapshotName snapshot;             // every command about a guest
  std::uint64_t address = 0;         // read
  std::uint64_t length = 0;          // read
  std::optional<std::uint8_t> fill;  // read: what absent pages read as
  bool hex = false;                  // read: a hex dump wherever it goes
  std::string output_path;           // read, dump: "-" is stdout
  bool force = false;                // read, dump
  DumpFormat format = DumpFormat::kRaw;
  std::uint64_t base_generation = 0;         // diff
  bool bytes = false;                        // diff
  std::uint64_t coalesce_pages = 0;          // diff
  std::uint64_t from_generation = 0;         // watch
  std::uint64_t count = 0;                   // watch, verify, top; 0: not given
  std::uint64_t pages = 0;                   // verify; 0: as many as are found
  std::chrono::seconds watch_for{30};        // plan
  PlanWishes wishes;                         // plan
  std::chrono::milliseconds interval{2000};  // top
  bool once = false;                         // top
  PkiArguments pki;                          // pki
  std::string shell;                         // completion
};

// Instead of arguments: help was asked for (exit_code 0), or the usage is wrong.
struct UsageText {
  int exit_code = 0;
  std::string text;
};

// Reads the environment (STILLFRAME_TARGET, _CONTEXT, _CACERT, _CERT, _KEY) and the file of
// contexts too: what is given is taken from the command line first, then the environment, then the
// context.
std::variant<Arguments, UsageText> ParseArguments(int argc, const char* const* argv);

}  // namespace stillframe::cli
