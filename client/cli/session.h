// What a command runs with: its arguments, the connection, the way to be stopped.
#pragma once

#include <memory>
#include <stop_token>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "arguments.h"
#include "stillframe/connection.h"

namespace stillframe::cli {

struct Session {
  const Arguments& arguments;
  Connection& connection;
  std::stop_token stop;

  bool json() const { return arguments.output == Output::kJson; }

  // Opens the snapshot that the arguments name.
  absl::StatusOr<std::unique_ptr<SnapshotReader>> OpenSnapshot() const;
};

// "web1@7": what messages call a snapshot.
std::string TitleOf(const v1::Snapshot& snapshot);

// To stdout. Errors (a full disk, say) end the command.
absl::Status Print(std::string_view text);

}  // namespace stillframe::cli
