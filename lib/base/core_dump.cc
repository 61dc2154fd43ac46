#include "base/core_dump.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/status.h"

namespace stillframe {

absl::Status KeepOutOfCoreDumps(void* at, std::size_t bytes) {
  if (madvise(at, bytes, MADV_DONTDUMP) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, fmt::format("keep {} bytes out of core dumps", bytes));
}

}  // namespace stillframe
