#include "store/page_map.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/memfd.h"
#include "base/status.h"
#include "base/units.h"

namespace stillframe {

absl::StatusOr<PageMap> PageMap::Seal(const std::string& name, std::span<const Slot> slots) {
  if (slots.empty()) return absl::InvalidArgumentError("a page map has at least one page");
  SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd(name, slots.size_bytes()));
  const auto bytes = std::as_bytes(slots);
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = pwrite(fd.get(), bytes.data() + written, bytes.size() - written,
                             static_cast<off_t>(written));
    if (n < 0) return ErrnoStatus(errno, fmt::format("write page map {}", name));
    written += static_cast<std::size_t>(n);
  }
  SF_RETURN_IF_ERROR(SealForever(fd.get()));
  SF_ASSIGN_OR_RETURN(UniqueFd reader, ReopenReadOnly(fd.get()));
  return Open(std::move(reader), slots.size());
}

absl::StatusOr<PageMap> PageMap::Open(UniqueFd fd, std::uint64_t pages) {
  if (pages == 0 || pages > kGuestPagesMax) {
    return absl::InvalidArgumentError(fmt::format("page map of {} pages", pages));
  }
  const std::size_t bytes = pages * sizeof(Slot);
  SF_RETURN_IF_ERROR(CheckSealed(fd.get(), bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadOnly));
  return PageMap(std::move(fd), std::move(mapping), pages);
}

}  // namespace stillframe
