#include "guest/xen/pv_p2m.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kEntries = 512;
constexpr std::uint64_t kPfnsOfThreeLevels = kEntries * kEntries * kEntries;  // 512 GiB

using Entries = std::array<std::uint64_t, kEntries>;

}  // namespace

absl::StatusOr<std::vector<std::uint64_t>> FindP2mPages(const P2mAnchor& anchor,
                                                        std::uint64_t pfns_max,
                                                        const MachinePageReader& read) {
  if (anchor.frame_list_list == 0 || anchor.pfns == 0) {
    return absl::UnavailableError("the PV guest has not published its p2m table yet");
  }
  if (anchor.frame_list_list == ~std::uint64_t{0} || anchor.pfns > kPfnsOfThreeLevels) {
    return absl::FailedPreconditionError(
        "the PV guest publishes its p2m table as a linear list only (more than 512 GiB): not "
        "supported; run it as PVH");
  }
  if (anchor.pfns > pfns_max) {
    return absl::FailedPreconditionError(
        fmt::format("the PV guest claims {} frames, its memory allows {}", anchor.pfns, pfns_max));
  }
  const std::uint64_t leaves = (anchor.pfns + kEntries - 1) / kEntries;
  const std::uint64_t lists = (leaves + kEntries - 1) / kEntries;
  std::vector<std::uint64_t> pages;
  pages.reserve(leaves);
  Entries top{};
  SF_RETURN_IF_ERROR(Annotate(read(anchor.frame_list_list, top), "read the p2m's top frame list"));
  Entries list{};
  for (std::uint64_t i = 0; i < lists; ++i) {
    SF_RETURN_IF_ERROR(Annotate(read(top[i], list), fmt::format("read p2m frame list {}", i)));
    const std::uint64_t count = std::min(kEntries, leaves - pages.size());
    pages.insert(pages.end(), list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return pages;
}

}  // namespace stillframe
