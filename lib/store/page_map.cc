#include "store/page_map.h"

#include <fmt/format.h>

#include "base/memfd.h"
#include "base/status.h"
#include "base/units.h"

namespace stillframe {

absl::StatusOr<PageMap> PageMap::Seal(const std::string& name, std::span<const Slot> slots) {
  if (slots.empty()) return absl::InvalidArgumentError("a page map has at least one page");
  SF_ASSIGN_OR_RETURN(UniqueFd fd, SealedCopy(name, std::as_bytes(slots)));
  return Open(std::move(fd), slots.size());
}

absl::StatusOr<PageMap> PageMap::Open(UniqueFd fd, std::uint64_t pages) {
  if (pages == 0 || pages > kGuestPagesMax) {
    return absl::InvalidArgumentError(fmt::format("page map of {} pages", pages));
  }
  const std::size_t bytes = pages * sizeof(Slot);
  SF_RETURN_IF_ERROR(CheckSealedForever(fd.get(), bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadOnly));
  return PageMap(std::move(fd), std::move(mapping), pages);
}

}  // namespace stillframe
