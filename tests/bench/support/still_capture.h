// A still guest with all that captures it: what is dirty, and what of it changed, is up to the
// benchmark.
//
// Owned by one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "bench/support/still_guest.h"
#include "capture/capturer.h"
#include "store/event_log.h"

namespace stillframe::bench {

class StillCapture {
 public:
  // Captures the whole guest once. Room for `spare_pages` beside the guest's own.
  static absl::StatusOr<std::unique_ptr<StillCapture>> Start(std::uint64_t pages,
                                                             std::uint64_t spare_pages,
                                                             std::uint64_t generations_max);

  StillGuest& guest() { return *guest_; }
  SnapshotStore& store() { return *store_; }

  absl::StatusOr<SnapshotPtr> Capture(std::uint64_t due_ns = ~std::uint64_t{0});

  // When watchers were told of the last capture's generation (CLOCK_MONOTONIC).
  std::uint64_t told_ns() const { return told_ns_; }

 private:
  StillCapture();

  EventLog events_{1000};
  std::uint64_t told_ns_ = 0;
  NoGuard guard_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<StillGuest> guest_;
  std::unique_ptr<SnapshotStore> store_;
  std::unique_ptr<Capturer> capturer_;
};

}  // namespace stillframe::bench
