#include "gateway/extents.h"

#include <algorithm>
#include <cstring>

namespace stillframe {
namespace {

constexpr std::uint64_t kPagesPerStepMax = std::uint64_t{1} << 22;

// Equal stretches are skipped by memcmp in blocks of this many slots.
constexpr std::uint64_t kBlockPages = 1024;

}  // namespace

ChangedExtents::ChangedExtents(std::span<const Slot> base, std::span<const Slot> target,
                               std::uint64_t coalesce_pages)
    : base_(base),
      target_(target),
      coalesce_pages_(coalesce_pages),
      common_(std::min(base.size(), target.size())),
      total_(std::max(base.size(), target.size())) {}

bool ChangedExtents::Changed(std::uint64_t page) const {
  if (page < common_) return base_[page] != target_[page];
  return (page < base_.size() ? base_[page] : target_[page]) != kHoleSlot;
}

std::uint64_t ChangedExtents::SkipEqual(std::uint64_t page, std::uint64_t end) const {
  while (page < end && page + kBlockPages <= common_ &&
         std::memcmp(&base_[page], &target_[page], kBlockPages * sizeof(Slot)) == 0) {
    page += kBlockPages;
  }
  return page;
}

bool ChangedExtents::Next(std::size_t extents_max, std::vector<GfnRange>& out) {
  const std::uint64_t stop = std::min(total_, at_ + kPagesPerStepMax);
  while (at_ < stop) {
    if (at_ % kBlockPages == 0) at_ = SkipEqual(at_, stop);
    if (at_ >= stop) break;
    if (!Changed(at_)) {
      ++at_;
      continue;
    }
    const std::uint64_t gap = at_ - open_.end().value;
    if (!open_.empty() && gap != 0 && gap >= coalesce_pages_) {
      if (out.size() >= extents_max) return true;
      out.push_back(open_);
      open_ = {};
    }
    if (open_.empty()) open_.first = Gfn{at_};
    open_.pages = ++at_ - open_.first.value;
  }
  if (at_ < total_) return true;
  if (open_.empty()) return false;
  if (out.size() >= extents_max) return true;
  out.push_back(open_);
  open_ = {};
  return false;
}

bool AllocatedExtents::Next(std::size_t extents_max, std::vector<AllocatedExtent>& out) {
  const std::uint64_t stop = std::min<std::uint64_t>(slots_.size(), at_ + kPagesPerStepMax);
  for (; at_ < stop; ++at_) {
    const PageState state = StateOf(slots_[at_]);
    if (!open_.range.empty() && open_.state != state) {
      if (out.size() >= extents_max) return true;
      out.push_back(open_);
      open_.range.pages = 0;
    }
    if (open_.range.empty()) open_ = {{Gfn{at_}, 0}, state};
    ++open_.range.pages;
  }
  if (at_ < slots_.size()) return true;
  if (open_.range.empty()) return false;
  if (out.size() >= extents_max) return true;
  out.push_back(open_);
  open_.range.pages = 0;
  return false;
}

}  // namespace stillframe
