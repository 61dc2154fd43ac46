#include "store/page_map_draft.h"

#include <algorithm>
#include <utility>

#include "base/memfd.h"
#include "base/status.h"

namespace stillframe {

absl::StatusOr<PageMapDraft> PageMapDraft::Make(std::uint64_t pages, std::span<const Slot> former) {
  if (pages == 0) return absl::InvalidArgumentError("a page map has at least one page");
  const std::size_t bytes = pages * sizeof(Slot);
  SF_ASSIGN_OR_RETURN(UniqueFd fd, CreateMemfd("stillframe-map", bytes));
  SF_ASSIGN_OR_RETURN(Mapping mapping, Mapping::Shared(fd.get(), 0, bytes, Access::kReadWrite));
  SF_RETURN_IF_ERROR(mapping.Populate(Access::kReadWrite));
  PageMapDraft draft(std::move(fd), std::move(mapping));
  const std::uint64_t kept = std::min<std::uint64_t>(pages, former.size());
  std::copy_n(former.begin(), kept, draft.slots());
  std::fill_n(draft.slots() + kept, pages - kept, kHoleSlot);
  for (std::uint64_t page = 0; page < kept; ++page) draft.tally_.Add(draft.At(page));
  return draft;
}

absl::StatusOr<PageMap> PageMapDraft::Seal() && {
  const std::uint64_t count = pages();
  mapping_ = Mapping();  // nothing may be mapped writable when it is sealed
  SF_RETURN_IF_ERROR(SealForever(fd_.get()));
  SF_ASSIGN_OR_RETURN(UniqueFd for_readers, ReopenReadOnly(fd_.get()));
  return PageMap::Open(std::move(for_readers), count);
}

}  // namespace stillframe
