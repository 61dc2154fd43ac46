#include "capture/page_copy.h"

#include <algorithm>
#include <array>
#include <bit>

#include "capture/copy_engine.h"

namespace stillframe {
namespace {

// A part is full at so many pages (1 MiB: some 0.1 ms), and has at most one word of them more.
constexpr std::uint64_t kPartPages = 256;
constexpr std::uint64_t kWordPages = 64;

// Hands pieces to the engine in batches: between those of one batch it can look ahead.
class PieceBatch {
 public:
  void Add(std::byte* to, const std::byte* from, std::size_t pages) {
    if (size_ == pieces_.size()) Flush();
    pieces_[size_++] = {to, from, pages};
  }

  void Flush() {
    engine_.copy(std::span(pieces_).first(size_));
    size_ = 0;
  }

 private:
  const CopyEngine engine_ = BestCopyEngine();
  std::array<CopyPiece, kPartPages + kWordPages> pieces_;
  std::size_t size_ = 0;
};

}  // namespace

void PageCopy::Prepare(std::uint64_t pages) {
  parts_.reserve(pages / kPartPages + 1);
  BestCopyEngine();  // chosen when it is first asked for
}

std::uint64_t PageCopy::Plan(const GuestView& view, const PageBitmap& set,
                             const SlotReserve& reserve, std::uint64_t first, const Arena& arena) {
  view_ = &view;
  set_ = &set;
  reserve_ = &reserve;
  arena_ = &arena;
  parts_.clear();
  const std::span<const std::uint64_t> words = set.words();
  std::uint64_t pages = 0;
  std::uint64_t part_pages = kPartPages;  // the first page begins a part
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == 0) continue;
    if (part_pages >= kPartPages) {
      parts_.push_back({GfnRange{Gfn{i * kWordPages}, 0}, first + pages});
      part_pages = 0;
    }
    const auto count = static_cast<std::uint64_t>(std::popcount(words[i]));
    part_pages += count;
    pages += count;
    GfnRange& range = parts_.back().range;
    range.pages = (i + 1) * kWordPages - range.first.value;
  }
  return pages;
}

absl::Status PageCopy::Run(CopyCrew* crew, const std::atomic<bool>& cancelled) {
  cancelled_ = &cancelled;
  const auto parts = static_cast<std::uint32_t>(parts_.size());
  if (crew != nullptr) {
    crew->Run(*this, parts);
  } else {
    for (std::uint32_t part = 0; part < parts; ++part) Do(part);
  }
  return cancelled.load() ? absl::CancelledError() : absl::OkStatus();
}

void PageCopy::Do(std::uint32_t part) {
  if (cancelled_->load(std::memory_order_relaxed)) return;
  const GfnRange range = parts_[part].range;
  SlotCursor cursor = reserve_->From(parts_[part].first_slot);
  PieceBatch batch;
  const std::vector<MappedExtent>& extents = view_->extents;
  auto extent = std::upper_bound(
      extents.begin(), extents.end(), range.first,
      [](Gfn gfn, const MappedExtent& candidate) { return gfn < candidate.range.end(); });
  for (; extent != extents.end() && extent->range.first < range.end(); ++extent) {
    const Gfn begin = std::max(range.first, extent->range.first);
    const Gfn end = std::min(range.end(), extent->range.end());
    set_->ForEachRun({begin, end.value - begin.value}, [&](GfnRange run) {
      const std::byte* from =
          extent->at + ((run.first.value - extent->range.first.value) << kPageShift);
      while (run.pages > 0) {
        const SlotRun slots = cursor.Take(run.pages);
        batch.Add(arena_->At(slots.first), from, slots.count);
        from += std::size_t{slots.count} << kPageShift;
        run.pages -= slots.count;
      }
    });
  }
  batch.Flush();
}

}  // namespace stillframe
