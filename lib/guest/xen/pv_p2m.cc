#include "guest/xen/pv_p2m.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/status.h"
#include "base/units.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kPfnsOfTree = kP2mEntries * kP2mEntries * kP2mEntries;  // 512 GiB

using Entries = std::array<std::uint64_t, kP2mEntries>;

std::uint64_t LeavesOf(std::uint64_t pfns) { return (pfns + kP2mEntries - 1) / kP2mEntries; }

absl::Status CheckSize(const P2mAnchor& anchor, std::uint64_t pfns_max) {
  if (anchor.pfns == 0) {
    return absl::UnavailableError("the PV guest has not published its p2m table yet");
  }
  if (anchor.pfns <= pfns_max) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the PV guest claims {} frames, its memory allows {}", anchor.pfns, pfns_max));
}

absl::StatusOr<std::vector<std::uint64_t>> FindByTree(const P2mAnchor& anchor,
                                                      const MachinePageReader& read) {
  const std::uint64_t leaves = LeavesOf(anchor.pfns);
  const std::uint64_t lists = (leaves + kP2mEntries - 1) / kP2mEntries;
  std::vector<std::uint64_t> pages;
  pages.reserve(leaves);
  Entries top{};
  SF_RETURN_IF_ERROR(Annotate(read(anchor.frame_list_list, top), "read the p2m's top frame list"));
  Entries list{};
  for (std::uint64_t i = 0; i < lists; ++i) {
    SF_RETURN_IF_ERROR(Annotate(read(top[i], list), fmt::format("read p2m frame list {}", i)));
    const std::uint64_t count = std::min(kP2mEntries, leaves - pages.size());
    pages.insert(pages.end(), list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return pages;
}

// Walks the guest's page tables for ascending addresses and keeps the table of each level that it
// went through last, so that each is read once.
class TableWalk {
 public:
  TableWalk(std::uint64_t cr3, const MachinePageReader& read)
      : read_(read), top_(cr3 >> kPageShift) {}

  absl::StatusOr<std::uint64_t> FrameAt(std::uint64_t address) {
    constexpr std::uint64_t kFrame = 0x000f'ffff'ffff'f000;
    constexpr std::uint64_t kPresent = 1;
    constexpr std::uint64_t kLarge = 1u << 7;
    std::uint64_t table = top_;
    for (int level = 3; level >= 0; --level) {
      SF_RETURN_IF_ERROR(Load(level, table));
      const int shift = 12 + 9 * level;
      const std::uint64_t entry = levels_[level].entries[(address >> shift) & (kP2mEntries - 1)];
      if ((entry & kPresent) == 0) {
        return absl::FailedPreconditionError(
            fmt::format("the PV guest's p2m table is not mapped at {:#x}", address));
      }
      table = (entry & kFrame) >> kPageShift;
      if (level > 0 && level < 3 && (entry & kLarge) != 0) {
        const std::uint64_t frames = std::uint64_t{1} << (9 * level);
        return (table & ~(frames - 1)) + ((address >> kPageShift) & (frames - 1));
      }
    }
    return table;
  }

 private:
  struct Level {
    std::uint64_t table = kNoMachineFrame;
    Entries entries{};
  };

  absl::Status Load(int level, std::uint64_t table) {
    if (levels_[level].table == table) return absl::OkStatus();
    levels_[level].table = kNoMachineFrame;
    SF_RETURN_IF_ERROR(Annotate(read_(table, levels_[level].entries),
                                fmt::format("read level {} of the p2m's page tables", level + 1)));
    levels_[level].table = table;
    return absl::OkStatus();
  }

  const MachinePageReader& read_;
  const std::uint64_t top_;
  std::array<Level, 4> levels_;
};

}  // namespace

absl::StatusOr<std::vector<std::uint64_t>> FindP2mPages(const P2mAnchor& anchor,
                                                        std::uint64_t pfns_max,
                                                        const MachinePageReader& read) {
  const bool has_tree = anchor.frame_list_list != 0 && anchor.frame_list_list != ~std::uint64_t{0};
  if (!has_tree || anchor.pfns > kPfnsOfTree) return FindLinearP2mPages(anchor, pfns_max, read);
  SF_RETURN_IF_ERROR(CheckSize(anchor, pfns_max));
  return FindByTree(anchor, read);
}

absl::StatusOr<std::vector<std::uint64_t>> FindLinearP2mPages(const P2mAnchor& anchor,
                                                              std::uint64_t pfns_max,
                                                              const MachinePageReader& read) {
  SF_RETURN_IF_ERROR(CheckSize(anchor, pfns_max));
  if (anchor.cr3 == 0) {
    return absl::UnavailableError("the PV guest has not published its p2m table yet");
  }
  if (anchor.vaddr % kPageBytes != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the PV guest's p2m table begins amid a page: {:#x}", anchor.vaddr));
  }
  const std::uint64_t leaves = LeavesOf(anchor.pfns);
  TableWalk walk(anchor.cr3, read);
  std::vector<std::uint64_t> pages;
  pages.reserve(leaves);
  for (std::uint64_t i = 0; i < leaves; ++i) {
    SF_ASSIGN_OR_RETURN(const std::uint64_t frame, walk.FrameAt(anchor.vaddr + i * kPageBytes));
    pages.push_back(frame);
  }
  return pages;
}

}  // namespace stillframe
