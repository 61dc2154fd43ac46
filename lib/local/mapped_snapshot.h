// A pinned snapshot over memory that the daemon shares.
//
// Immutable, so thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "local/mapped_arena.h"
#include "local/pinned_snapshot.h"
#include "store/machine_frames.h"
#include "store/page_map.h"

namespace stillframe {

// The word of a control page that says whether one generation's slots may have been recycled.
class LivenessWord {
 public:
  // Maps the control page. FAILED_PRECONDITION when it is smaller than announced or could shrink.
  static absl::StatusOr<LivenessWord> Map(UniqueFd control, std::uint64_t control_bytes,
                                          std::uint32_t index);

  // Whether everything that this thread read before the call was read while `generation` lived.
  bool StillSays(Generation generation) const {
    std::atomic_thread_fence(std::memory_order_acquire);
    return word_->load(std::memory_order_relaxed) == generation.value;
  }

 private:
  LivenessWord(Mapping mapping, const std::atomic<std::uint64_t>* word)
      : mapping_(std::move(mapping)), word_(word) {}

  Mapping mapping_;
  const std::atomic<std::uint64_t>* word_;
};

class MappedSnapshot final : public PinnedSnapshot {
 public:
  struct Parts {
    v1::Snapshot metadata;
    std::uint64_t pin = 0;
    PageMap pages;
    std::optional<MachineFrames> machine_frames;
    LivenessWord liveness;
    std::shared_ptr<MappedArena> arena;
    std::vector<const std::byte*> segments;
    std::function<void(std::uint64_t pin)> release;  // must not block
  };

  // Checks once that no slot of the page map, which is sealed, is outside the segments, so that
  // reading need not. DATA_LOSS when one is. On errors nothing is released.
  static absl::StatusOr<std::shared_ptr<MappedSnapshot>> Create(Parts parts);
  ~MappedSnapshot() override;

  std::uint64_t pin() const { return parts_.pin; }

  const v1::Snapshot& metadata() const override { return parts_.metadata; }
  std::span<const Slot> slots() const override { return parts_.pages.slots(); }
  std::span<const std::uint64_t> machine_frames() const override {
    if (!parts_.machine_frames) return {};
    return parts_.machine_frames->frames();
  }
  Run RunAt(Gfn gfn, Gfn end) const override;
  PageLookup lookup() const override { return lookup_; }
  absl::StatusOr<ReadResult> Read(std::uint64_t address,
                                  std::span<std::byte> destination) const override;
  absl::Status CheckHeld() const override;

 private:
  explicit MappedSnapshot(Parts parts);

  const Parts parts_;
  const std::uint32_t slot_mask_;
  const PageLookup lookup_;
};

}  // namespace stillframe
