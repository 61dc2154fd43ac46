// Arena slots that are taken and faulted in for the next copies, in the order they will be used.
//
// Thread-compatible. What the copy writes and what the finish phase reads back walk it with
// cursors, so which slot a page went to needs no record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/status.h"
#include "capture/slot_cursor.h"
#include "capture/slot_releaser.h"
#include "store/arena.h"

namespace stillframe {

class SlotReserve {
 public:
  std::uint64_t pages() const { return pages_; }

  // Takes more slots until there are `pages`. All or nothing, with Arena::Reserve's errors.
  absl::Status GrowTo(std::uint64_t pages, Arena& arena) {
    if (pages <= pages_) return absl::OkStatus();
    SF_RETURN_IF_ERROR(arena.Reserve(pages - pages_, runs_));
    starts_.resize(runs_.size());
    std::uint64_t start = 0;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      starts_[i] = start;
      start += runs_[i].count;
    }
    pages_ = pages;
    return absl::OkStatus();
  }

  // Walks from the slot with this number (below pages()). Usable in the pause window.
  SlotCursor From(std::uint64_t number) const {
    if (runs_.empty()) return SlotCursor({});
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), number);
    const auto index = static_cast<std::size_t>(after - starts_.begin()) - 1;
    return SlotCursor(std::span(runs_).subspan(index),
                      static_cast<std::uint32_t>(number - starts_[index]));
  }

  // Forgets the slots: they are in use now.
  void Clear() {
    runs_.clear();
    starts_.clear();
    pages_ = 0;
  }

  // Gives all of them back.
  void Release(Arena& arena) {
    SlotReleaser releaser(arena);
    for (const SlotRun& run : runs_) releaser.Add(run);
    Clear();
  }

 private:
  std::vector<SlotRun> runs_;
  std::vector<std::uint64_t> starts_;  // the number of each run's first slot
  std::uint64_t pages_ = 0;
};

}  // namespace stillframe
