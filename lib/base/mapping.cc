#include "base/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/core_dump.h"
#include "base/status.h"

namespace stillframe {

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}

absl::StatusOr<Mapping> Mapping::Shared(int fd, std::uint64_t offset, std::size_t bytes,
                                        Access access) {
  const int protection = access == Access::kReadWrite ? PROT_READ | PROT_WRITE : PROT_READ;
  void* at = mmap(nullptr, bytes, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (at == MAP_FAILED) {
    return ErrnoStatus(errno, fmt::format("map {} bytes at offset {:#x}", bytes, offset));
  }
  Mapping mapping(static_cast<std::byte*>(at), bytes);
  SF_RETURN_IF_ERROR(KeepOutOfCoreDumps(at, bytes));
  return mapping;
}

absl::Status Mapping::Populate(Access access) {
  const int advice = access == Access::kReadWrite ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
  if (madvise(data_, size_, advice) != 0) {
    return ErrnoStatus(errno, fmt::format("fault in {} bytes", size_));
  }
  return absl::OkStatus();
}

}  // namespace stillframe
