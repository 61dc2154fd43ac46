// What people write on a command line: G@GEN, addresses, sizes. INVALID_ARGUMENT says what was
// expected.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace stillframe::cli {

struct SnapshotName {
  std::string guest;
  std::uint64_t generation = 0;  // 0: the latest
};

// "web1", "web1@7", "web1@latest", or with a UUID. A name that holds an @ itself is fine as long
// as a @GEN follows it.
absl::StatusOr<SnapshotName> ParseSnapshotName(const std::string& text);

// "7" or "latest" (0).
absl::StatusOr<std::uint64_t> ParseGeneration(const std::string& text);

// 0x hexadecimal or decimal.
absl::StatusOr<std::uint64_t> ParseAddress(const std::string& text);

// As an address, or a decimal number of K, M or G (powers of 1024; KiB, MiB, GiB mean the same).
absl::StatusOr<std::uint64_t> ParseSize(const std::string& text);

}  // namespace stillframe::cli
