// A guest in the benchmark's own process that never runs: all that a pause window does with it
// costs nothing, but for the copy.
//
// Owned by one thread.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/mapping.h"
#include "base/memfd.h"
#include "base/status.h"
#include "guest/guest.h"
#include "guest/pause_guard.h"

namespace stillframe::bench {

class StillGuest final : public Guest {
 public:
  // RAM in a memfd, as real guests have it, with no two pages alike and none zero.
  static absl::StatusOr<std::unique_ptr<StillGuest>> Create(std::uint64_t pages) {
    auto guest = std::make_unique<StillGuest>();
    const std::size_t bytes = pages << kPageShift;
    SF_ASSIGN_OR_RETURN(const UniqueFd fd, CreateMemfd("bench-ram", bytes));
    SF_ASSIGN_OR_RETURN(guest->ram_, Mapping::Shared(fd.get(), 0, bytes, Access::kReadWrite));
    auto* words = reinterpret_cast<std::uint64_t*>(guest->ram_.data());
    for (std::size_t i = 0; i < bytes / sizeof *words; ++i) {
      words[i] = (i + 1) * 0x9e3779b97f4a7c15;
    }
    auto view = std::make_shared<GuestView>();
    const GfnRange all{Gfn{0}, pages};
    SF_ASSIGN_OR_RETURN(view->map, MemoryMap::Create({{all, RegionKind::kRam}}));
    view->vcpus = 1;
    view->extents = {{all, guest->ram_.data()}};
    guest->view_ = std::move(view);
    guest->identity_ = {GuestId::OfName("bench"), "bench", Backend::kSim};
    guest->dirty.Resize(pages);
    return guest;
  }

  const std::byte* ram() const { return ram_.data(); }

  // Writes a word into the middle of each dirty page.
  void ChangeDirtyPages() {
    ++changes_;
    dirty.ForEachRun({Gfn{0}, dirty.size()}, [this](GfnRange run) {
      for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) {
        *reinterpret_cast<std::uint64_t*>(ram_.data() + gfn.address() + kPageBytes / 2) = changes_;
      }
    });
  }

  // What the next FetchDirty reports; stays.
  PageBitmap dirty;

  const GuestIdentity& identity() const override { return identity_; }
  GuestCapabilities capabilities() const override {
    return {.dirty_log = true, .consistency = Consistency::kInstantaneous};
  }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override { return view_; }
  ResumeTicket resume_ticket() const override { return {}; }
  absl::Status Pause() override { return absl::OkStatus(); }
  absl::Status Resume() override { return absl::OkStatus(); }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& into) override {
    into.Or(dirty);
    return DirtyAnswer::kLogged;
  }
  std::uint64_t EstimateDirty() override { return dirty.Count(); }
  absl::Status FetchVcpus() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override {
    return std::vector<VcpuState>(1);
  }

 private:
  GuestIdentity identity_;
  Mapping ram_;
  std::uint64_t changes_ = 0;
  std::shared_ptr<const GuestView> view_;
};

// Guards nothing: a benchmark that dies leaves no real guest behind.
class NoGuard final : public PauseGuard {
 public:
  absl::Status Arm(std::uint64_t) override { return absl::OkStatus(); }
  void BeginResume() override {}
  absl::Status Disarm() override { return absl::OkStatus(); }
};

}  // namespace stillframe::bench
