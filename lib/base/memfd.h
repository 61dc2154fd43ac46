// Anonymous shared memory that readers may map but never change.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace stillframe {

// A memfd of `bytes`, sealable, close-on-exec. `name` shows in /proc/PID/maps.
absl::StatusOr<UniqueFd> CreateMemfd(const std::string& name, std::size_t bytes);

// Nobody can open a new writable mapping, grow or shrink it; mappings that exist stay writable.
absl::Status SealAgainstNewWriters(int memfd);

// Nobody can ever change it again. FAILED_PRECONDITION while a writable mapping exists.
absl::Status SealForever(int memfd);

// A copy of `bytes` that nobody can ever change, through a read-only descriptor.
absl::StatusOr<UniqueFd> SealedCopy(const std::string& name, std::span<const std::byte> bytes);

// Checks seals that a reader depends on: without F_SEAL_SHRINK a hostile peer could truncate the
// file under the mapping (SIGBUS). FAILED_PRECONDITION if missing or smaller than `bytes_min`.
absl::Status CheckSealed(int memfd, std::size_t bytes_min);

// The same, and FAILED_PRECONDITION unless what was read once stays as it was read.
absl::Status CheckSealedForever(int memfd, std::size_t bytes_min);

// The same file through a read-only descriptor, to be handed to readers.
absl::StatusOr<UniqueFd> ReopenReadOnly(int fd);

}  // namespace stillframe
