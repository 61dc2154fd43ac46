// A snapshot over a private arena whose page n is filled with the byte n.
#pragma once

#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "local/pinned_snapshot.h"

namespace stillframe {

class FakeSnapshot final : public PinnedSnapshot {
 public:
  explicit FakeSnapshot(std::vector<Slot> slots, std::vector<std::uint64_t> machine_frames = {})
      : slots_(std::move(slots)), machine_frames_(std::move(machine_frames)) {
    arena_.resize(256 * kPageBytes);
    segment_ = arena_.data();
    for (std::size_t page = 0; page < 256; ++page) {
      std::memset(arena_.data() + page * kPageBytes, static_cast<int>(page), kPageBytes);
    }
  }

  const v1::Snapshot& metadata() const override { return metadata_; }
  std::span<const Slot> slots() const override { return slots_; }
  std::span<const std::uint64_t> machine_frames() const override { return machine_frames_; }
  Run RunAt(Gfn gfn, Gfn end) const override {
    const Slot first = slots_[gfn.value];
    Run run{{gfn, 1}, StateOf(first), nullptr};
    if (run.state == PageState::kPresent) run.bytes = arena_.data() + first * kPageBytes;
    for (; run.range.end() < end; ++run.range.pages) {
      const Slot slot = slots_[run.range.end().value];
      if (StateOf(slot) != run.state) break;
      if (run.state == PageState::kPresent && slot != first + run.range.pages) break;
    }
    return run;
  }
  PageLookup lookup() const override { return {slots_.data(), &segment_, 8}; }
  absl::StatusOr<ReadResult> Read(std::uint64_t, std::span<std::byte>) const override {
    return absl::UnimplementedError("not needed");
  }
  absl::Status CheckHeld() const override { return absl::OkStatus(); }

 private:
  v1::Snapshot metadata_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> machine_frames_;
  std::vector<std::byte> arena_;
  const std::byte* segment_ = nullptr;
};

}  // namespace stillframe
