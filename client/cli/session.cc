#include "session.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "base/status.h"
#include "render/text.h"

namespace stillframe::cli {

absl::StatusOr<std::unique_ptr<SnapshotReader>> Session::OpenSnapshot() const {
  return connection.OpenSnapshot(Select(arguments.snapshot.guest, arguments.snapshot.generation));
}

std::string TitleOf(const v1::Snapshot& snapshot) {
  return fmt::format("{}@{}", Printable(snapshot.guest_name()), snapshot.generation());
}

absl::Status Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, "write to stdout");
}

}  // namespace stillframe::cli
