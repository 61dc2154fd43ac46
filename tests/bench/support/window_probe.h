// A guest seen through a stopwatch: where the time between pause and resume goes.
//
// Owned by one thread; forwards every call.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "guest/guest.h"
#include "support/allocation_count.h"

namespace stillframe::bench {

class WindowProbe final : public Guest {
 public:
  // The last window.
  struct Times {
    double pause_us = 0;      // the pause call
    double registers_us = 0;  // reading the vCPUs
    double dirty_us = 0;      // fetching the dirty set and finding what of it has memory
    double copy_us = 0;       // from then on until the resume call
    double resume_us = 0;     // the resume call
    std::uint64_t allocations = 0;
  };

  explicit WindowProbe(std::unique_ptr<Guest> guest) : guest_(std::move(guest)) {}

  const Times& times() const { return times_; }

  const GuestIdentity& identity() const override { return guest_->identity(); }
  GuestCapabilities capabilities() const override { return guest_->capabilities(); }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override { return guest_->Refresh(); }
  ResumeTicket resume_ticket() const override { return guest_->resume_ticket(); }
  int resume_fd() const override { return guest_->resume_fd(); }
  bool pause_is_ours() const override { return guest_->pause_is_ours(); }

  absl::Status Pause() override {
    times_ = {};
    Mark();
    absl::Status paused = guest_->Pause();
    times_.pause_us = Mark();
    paused_ = true;
    allocations_before_ = ThreadAllocations();
    return paused;
  }
  absl::Status FetchVcpus() override {
    Mark();
    absl::Status fetched = guest_->FetchVcpus();
    times_.registers_us = Mark();
    return fetched;
  }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override {
    auto answer = guest_->FetchDirty(dirty);
    if (paused_) times_.dirty_us = Mark();
    return answer;
  }
  absl::Status FilterResident(PageBitmap& resident) override {
    absl::Status filtered = guest_->FilterResident(resident);
    if (paused_) times_.dirty_us += Mark();
    return filtered;
  }
  absl::Status Resume() override {
    if (!paused_) return guest_->Resume();
    times_.copy_us = Mark();
    times_.allocations = ThreadAllocations() - allocations_before_;
    absl::Status resumed = guest_->Resume();
    times_.resume_us = Mark();
    paused_ = false;
    return resumed;
  }

  void ForgetVanished(PageBitmap& resident) override { guest_->ForgetVanished(resident); }
  std::uint64_t EstimateDirty() override { return guest_->EstimateDirty(); }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override { return guest_->DecodeVcpus(); }

 private:
  // Microseconds since the last call.
  double Mark() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::micro>(now - std::exchange(mark_, now)).count();
  }

  const std::unique_ptr<Guest> guest_;
  Times times_;
  bool paused_ = false;
  std::uint64_t allocations_before_ = 0;
  std::chrono::steady_clock::time_point mark_{};
};

}  // namespace stillframe::bench
