// A guest of any backend whose every pause ends with a plain copy of all its memory, made before it
// is resumed: the judge of the snapshot that the same pause gave.
//
// Owned by one thread, as the guest inside.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "guest/guest.h"
#include "store/snapshot.h"

namespace stillframe {

class JudgedGuest final : public Guest {
 public:
  explicit JudgedGuest(std::unique_ptr<Guest> inner) : inner_(std::move(inner)) {}

  // Frames whose bytes in `snapshot` are not those of the last pause's plain copy, or whose kind
  // is not the memory map's.
  std::vector<Gfn> Differences(const Snapshot& snapshot) const {
    std::vector<Gfn> different;
    const std::span<const Slot> slots = snapshot.pages.slots();
    for (std::uint64_t page = 0; page < slots.size(); ++page) {
      const Gfn gfn{page};
      const std::byte* truth = page < copied_.size() ? copied_[page] : nullptr;
      const Slot slot = slots[page];
      static constexpr std::byte kZeros[kPageBytes] = {};
      const bool same = truth == nullptr ? slot == EmptySlotOf(view_->map.KindOf(gfn))
                        : slot < kSlotsMax
                            ? std::memcmp(truth, snapshot.arena->At(slot), kPageBytes) == 0
                            : slot == kZeroSlot && std::memcmp(truth, kZeros, kPageBytes) == 0;
      if (!same) different.push_back(gfn);
    }
    return different;
  }

  // The plain copy of a frame that has bytes.
  std::span<const std::byte, kPageBytes> PageOf(Gfn gfn) const {
    static constexpr std::byte kZeros[kPageBytes] = {};
    const std::byte* truth = gfn.value < copied_.size() ? copied_[gfn.value] : nullptr;
    return std::span<const std::byte, kPageBytes>(truth == nullptr ? kZeros : truth, kPageBytes);
  }

  // Which bytes of a frame differ, for people.
  std::string Describe(const Snapshot& snapshot, Gfn gfn) const {
    const std::byte* truth = gfn.value < copied_.size() ? copied_[gfn.value] : nullptr;
    const Slot slot = snapshot.pages.slots()[gfn.value];
    std::string text = fmt::format("gfn {:#x}:", gfn.value);
    if (truth == nullptr || slot >= kSlotsMax) return text + fmt::format(" slot {:#x}", slot);
    for (std::size_t at = 0; at < kPageBytes; ++at) {
      const std::byte ours = snapshot.arena->At(slot)[at];
      if (ours == truth[at]) continue;
      text += fmt::format(" [{:#x}] {:02x}, not {:02x}", at, static_cast<int>(ours),
                          static_cast<int>(truth[at]));
      if (text.size() > 500) break;
    }
    return text;
  }

  const GuestIdentity& identity() const override { return inner_->identity(); }
  GuestCapabilities capabilities() const override { return inner_->capabilities(); }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override {
    auto view = inner_->Refresh();
    view_ = view.ok() ? *view : nullptr;
    return view;
  }
  ResumeTicket resume_ticket() const override { return inner_->resume_ticket(); }
  int resume_fd() const override { return inner_->resume_fd(); }
  absl::Status Pause() override {
    paused_ = true;
    return inner_->Pause();
  }
  bool pause_is_ours() const override { return inner_->pause_is_ours(); }
  absl::Status Resume() override {
    if (std::exchange(paused_, false) && view_ != nullptr) CopyAll();
    return inner_->Resume();
  }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override {
    return inner_->FetchDirty(dirty);
  }
  void ForgetVanished(PageBitmap& resident) override { inner_->ForgetVanished(resident); }
  std::uint64_t EstimateDirty() override { return inner_->EstimateDirty(); }
  absl::Status FilterResident(PageBitmap& resident) override {
    return inner_->FilterResident(resident);
  }
  std::optional<std::uint64_t> CountBackendPages() override { return inner_->CountBackendPages(); }
  absl::Status FetchVcpus() override { return inner_->FetchVcpus(); }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override { return inner_->DecodeVcpus(); }

 private:
  void CopyAll() {
    bytes_.resize(view_->map.readable_pages() << kPageShift);
    copied_.assign(view_->map.page_count(), nullptr);
    std::byte* to = bytes_.data();
    for (const MappedExtent& extent : view_->extents) {
      std::memcpy(to, extent.at, extent.range.bytes());
      for (std::uint64_t i = 0; i < extent.range.pages; ++i, to += kPageBytes) {
        copied_[extent.range.first.value + i] = to;
      }
    }
  }

  const std::unique_ptr<Guest> inner_;
  std::shared_ptr<const GuestView> view_;
  bool paused_ = false;
  std::vector<std::byte> bytes_;
  std::vector<const std::byte*> copied_;  // by frame
};

}  // namespace stillframe
