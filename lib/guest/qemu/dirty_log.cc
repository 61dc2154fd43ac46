#include "guest/qemu/dirty_log.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

HostRange PagesOf(std::uint64_t address, std::uint64_t bytes) {
  return {address, address + (bytes + kPageBytes - 1) / kPageBytes * kPageBytes};
}

std::uint64_t AddressOf(const std::byte* at) { return reinterpret_cast<std::uintptr_t>(at); }

}  // namespace

absl::StatusOr<std::unique_ptr<DirtyLog>> DirtyLog::Open(pid_t pid, int pidfd) {
  SF_ASSIGN_OR_RETURN(PagemapScan theirs, PagemapScan::Open(pid));
  SF_ASSIGN_OR_RETURN(PagemapScan ours, PagemapScan::Open(getpid()));
  SF_ASSIGN_OR_RETURN(WriteProtection protection, WriteProtection::TakeFrom(pid, pidfd));
  return std::unique_ptr<DirtyLog>(
      new DirtyLog(std::move(protection), std::move(theirs), std::move(ours)));
}

DirtyLog::DirtyLog(WriteProtection protection, PagemapScan theirs, PagemapScan ours)
    : protection_(std::move(protection)), theirs_(std::move(theirs)), ours_(std::move(ours)) {}

DirtyLog::~DirtyLog() { TurnOff(); }

void DirtyLog::TurnOff() {
  if (ram_ == nullptr) return;
  for (const SharedRam& block : ram_->mapped) {
    protection_.Release(PagesOf(block.address(), block.bytes()));
  }
  ram_ = nullptr;
}

absl::Status DirtyLog::TurnOn(const std::shared_ptr<QemuRam>& ram, const GuestLayout& layout,
                              Residency residency) {
  if (!lost_ && ram_ == ram && extents_ == layout.extents && residency_ == residency) {
    return absl::OkStatus();
  }
  TurnOff();
  ram_ = ram;
  extents_ = layout.extents;
  residency_ = residency;
  complete_ = false;
  lost_ = false;
  const std::uint64_t pages = layout.map.page_count();
  for (PageBitmap* set : {&fetched_, &arrived_, &absent_, &expected_}) *set = PageBitmap(pages);
  for (const BlockExtent& extent : extents_) expected_.SetRange(extent.range);
  absl::Status status;
  if (residency_ == Residency::kMayVanish) status = MapOursSingly();
  for (const SharedRam& block : ram_->mapped) {
    if (status.ok()) status = protection_.Protect(PagesOf(block.address(), block.bytes()));
  }
  // Fails where there is memory whose writes are not recorded.
  if (status.ok()) status = Collect(PagemapScan::Find::kTakeWritten, fetched_);
  if (!status.ok()) TurnOff();
  return status;
}

void DirtyLog::SetFrames(std::size_t block, std::uint64_t offset, std::uint64_t bytes,
                         PageBitmap& into) const {
  for (const BlockExtent& extent : extents_) {
    if (extent.block != block) continue;
    const std::uint64_t first = std::max(offset, extent.offset);
    const std::uint64_t end = std::min(offset + bytes, extent.offset + extent.range.bytes());
    if (first >= end) continue;
    into.SetRange({extent.range.first + ((first - extent.offset) >> kPageShift),
                   (end - first) >> kPageShift});
  }
}

absl::Status DirtyLog::Collect(PagemapScan::Find find, PageBitmap& into) {
  for (std::size_t i = 0; i < ram_->mapped.size(); ++i) {
    const SharedRam& block = ram_->mapped[i];
    SF_RETURN_IF_ERROR(
        theirs_.ForEach(find, PagesOf(block.address(), block.bytes()), [&](HostRange run) {
          SetFrames(i, run.first - block.address(), run.end - run.first, into);
        }));
  }
  return absl::OkStatus();
}

// A page that was discarded and then read by QEMU must not come back here with a neighbour, or
// FindVanished would never see that it had gone.
absl::Status DirtyLog::MapOursSingly() {
  if (!our_faults_.has_value()) {
    SF_ASSIGN_OR_RETURN(our_faults_, WriteProtection::OfThisProcess());
  }
  for (const SharedRam& block : ram_->mapped) {
    SF_RETURN_IF_ERROR(our_faults_->MapSingly(PagesOf(AddressOf(block.data()), block.bytes())));
  }
  return absl::OkStatus();
}

// Discarding a page takes it out of every mapping of its file, and out of QEMU's without a trace in
// the log where it was write-protected. Our own mapping holds every page that was ever copied, and
// only what is dirty is touched in it.
absl::Status DirtyLog::FindVanished() {
  absent_.ClearAll();
  for (std::size_t i = 0; i < ram_->mapped.size(); ++i) {
    const SharedRam& block = ram_->mapped[i];
    const std::uint64_t base = AddressOf(block.data());
    SF_RETURN_IF_ERROR(ours_.ForEach(
        PagemapScan::Find::kNotPresent, PagesOf(base, block.bytes()),
        [&](HostRange run) { SetFrames(i, run.first - base, run.end - run.first, absent_); }));
  }
  return absl::OkStatus();
}

void DirtyLog::NoteArrived(std::size_t block, const PageBitmap& pages) {
  if (!on() || residency_ != Residency::kMayVanish) return;
  pages.ForEachRun({Gfn{0}, pages.size()}, [&](GfnRange run) {
    SetFrames(block, run.first.address(), run.bytes(), arrived_);
  });
}

void DirtyLog::NoteResident(const PageBitmap& frames) {
  if (on() && residency_ == Residency::kMayVanish && frames.size() == expected_.size()) {
    expected_.Or(frames);
  }
}

DirtyAnswer DirtyLog::Fetch(PageBitmap& dirty) {
  if (!on() || lost_ || dirty.size() != fetched_.size()) return DirtyAnswer::kUnknown;
  const bool complete = std::exchange(complete_, false);
  fetched_.ClearAll();
  const bool vanishes = residency_ == Residency::kMayVanish;
  absl::Status status;
  // Before the writes: what vanishes after this look and is written again is in that one.
  if (vanishes) status = FindVanished();
  if (status.ok()) status = Collect(PagemapScan::Find::kTakeWritten, fetched_);
  lost_ = !status.ok();
  if (lost_) return DirtyAnswer::kUnknown;
  fetched_.Or(arrived_);
  arrived_.ClearAll();
  if (vanishes) {
    const auto fetched = fetched_.words();
    const auto absent = absent_.words();
    const auto expected = expected_.words();
    for (std::size_t i = 0; i < fetched.size(); ++i) {
      const std::uint64_t gone = expected[i] & absent[i];
      expected[i] = (expected[i] & ~gone) | fetched[i];
      fetched[i] |= gone;
    }
  }
  complete_ = true;
  if (!complete) return DirtyAnswer::kUnknown;
  dirty.Or(fetched_);
  return DirtyAnswer::kLogged;
}

std::uint64_t DirtyLog::Count() {
  std::uint64_t all = 0;
  for (const BlockExtent& extent : extents_) all += extent.range.pages;
  if (!on() || lost_ || !complete_) return all;
  fetched_ = arrived_;
  return Collect(PagemapScan::Find::kWritten, fetched_).ok() ? fetched_.Count() : all;
}

void DirtyLog::ForgetVanished(PageBitmap& resident) const {
  if (lost_) {
    resident.ClearAll();
  } else if (on() && residency_ == Residency::kMayVanish && resident.size() == absent_.size()) {
    resident.AndNot(absent_);
  }
}

}  // namespace stillframe
