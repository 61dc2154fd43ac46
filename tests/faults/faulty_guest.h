// A guest of any backend around which something happens at a chosen call.
//
// Owned by one thread, as the guest inside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "guest/guest.h"

namespace stillframe::faults {

// What happens at one call of a capture, counted from 1 over all members that reach the guest.
struct CallFault {
  std::uint64_t call = 0;                   // 0: never
  std::function<void()> before = nullptr;   // runs before the call reaches the guest
  std::function<void()> after = nullptr;    // runs when it returned
  absl::Status instead = absl::OkStatus();  // not OK: the call does not reach the guest
  absl::Status answer = absl::OkStatus();   // not OK: it does, but is said to have failed
};

class FaultyGuest final : public Guest {
 public:
  explicit FaultyGuest(std::unique_ptr<Guest> inner) : inner_(std::move(inner)) {}

  // Counts calls from here on.
  void Arm(CallFault fault) {
    fault_ = std::move(fault);
    calls_ = 0;
  }
  std::uint64_t calls() const { return calls_; }

  bool hides_log = false;  // as a backend without a dirty log

  const GuestIdentity& identity() const override { return inner_->identity(); }
  GuestCapabilities capabilities() const override {
    GuestCapabilities capabilities = inner_->capabilities();
    if (hides_log) capabilities.dirty_log = false;
    return capabilities;
  }
  absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() override {
    return Around<std::shared_ptr<const GuestView>>([this] { return inner_->Refresh(); });
  }
  ResumeTicket resume_ticket() const override { return inner_->resume_ticket(); }
  int resume_fd() const override { return inner_->resume_fd(); }
  absl::Status Pause() override {
    return Around([this] { return inner_->Pause(); });
  }
  bool pause_is_ours() const override { return inner_->pause_is_ours(); }
  absl::Status Resume() override {
    return Around([this] { return inner_->Resume(); });
  }
  absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) override {
    return Around<DirtyAnswer>([&]() -> absl::StatusOr<DirtyAnswer> {
      if (!hides_log) return inner_->FetchDirty(dirty);
      PageBitmap unused(dirty.size());
      const auto answer = inner_->FetchDirty(unused);
      return answer.ok() ? absl::StatusOr<DirtyAnswer>(DirtyAnswer::kUnknown) : answer;
    });
  }
  void ForgetVanished(PageBitmap& resident) override { inner_->ForgetVanished(resident); }
  std::uint64_t EstimateDirty() override { return inner_->EstimateDirty(); }
  absl::Status FilterResident(PageBitmap& resident) override {
    return Around([&] { return inner_->FilterResident(resident); });
  }
  std::optional<std::uint64_t> CountBackendPages() override { return inner_->CountBackendPages(); }
  absl::Status FetchVcpus() override {
    return Around([this] { return inner_->FetchVcpus(); });
  }
  absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() override {
    return Around<std::vector<VcpuState>>([this] { return inner_->DecodeVcpus(); });
  }

 private:
  template <typename Call>
  absl::Status Around(Call call) {
    if (++calls_ != fault_.call) return call();
    const CallFault fault = fault_;
    if (fault.before) fault.before();
    absl::Status result = fault.instead.ok() ? call() : fault.instead;
    if (fault.after) fault.after();
    return fault.answer.ok() ? result : fault.answer;
  }

  template <typename Value, typename Call>
  absl::StatusOr<Value> Around(Call call) {
    std::optional<absl::StatusOr<Value>> value;
    const absl::Status status = Around([&]() -> absl::Status {
      value = call();
      return value->status();
    });
    if (!status.ok()) return status;
    return *std::move(value);
  }

  const std::unique_ptr<Guest> inner_;
  CallFault fault_;
  std::uint64_t calls_ = 0;
};

}  // namespace stillframe::faults
