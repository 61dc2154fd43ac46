// A fake guest with all that a Capturer needs, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>

#include "capture/capturer.h"
#include "support/fake_clock.h"
#include "support/fake_guest.h"
#include "support/snapshot_bytes.h"

namespace stillframe {

struct CaptureBench {
  explicit CaptureBench(std::uint64_t pages, CapturePolicy wanted = {}, std::uint64_t segments = 64,
                        const Clock& clock = Clock::System(), const PauseCost& cost = PauseCost())
      : machine(pages), policy(wanted) {
    policy.pause_deadline_ms = 10'000;
    Arena::Options options;
    options.name = "bench";
    options.segment_bytes = 256 * kPageBytes;
    options.bytes_max = segments * options.segment_bytes;
    Retention retention;
    retention.generations_max = policy.generations_max;
    auto created =
        SnapshotStore::Create(guest.identity(), Epoch::Random(), std::make_shared<Arena>(options),
                              retention, Clock::System(), events);
    store = *std::move(created);
    capturer = std::make_unique<Capturer>(guest, *store, policy, clock, &crew, nullptr, cost);
  }

  absl::StatusOr<SnapshotPtr> Capture() {
    auto view = guest.Refresh();
    if (!view.ok()) return view.status();
    return capturer->Capture(*std::move(view), guard, CaptureTrigger::kRequest, cancelled, due_ns);
  }

  FakeMachine machine;
  FakeGuest guest{machine};
  FakeGuard guard;
  CapturePolicy policy;
  EventLog events{1000};
  CopyCrew crew{1};
  std::uint64_t due_ns = ~std::uint64_t{0};
  std::unique_ptr<SnapshotStore> store;
  std::unique_ptr<Capturer> capturer;
  std::atomic<bool> cancelled{false};
};

// A guest whose pauses take a millisecond for each dirty page, and may take no more than one.
struct PrecopyBench : CaptureBench {
  explicit PrecopyBench(std::uint64_t pages, CapturePolicy wanted = {}, std::uint64_t segments = 64)
      : CaptureBench(pages, Budgeted(wanted), segments, clock, PauseCost(0, 1'000'000)) {
    machine.at_resume = [this] { clock.AdvanceMs(machine.logged_in_pause); };
  }

  static CapturePolicy Budgeted(CapturePolicy policy) {
    policy.pause_budget_ms = 1;
    return policy;
  }

  inline static FakeClock clock;
};

// The slots that the live generations name: all that the arena may hold between captures.
inline std::uint64_t SlotsNamed(const SnapshotStore& store) {
  std::set<Slot> named;
  for (const SnapshotPtr& live : store.List()) {
    for (const Slot slot : live->pages.slots()) {
      if (slot < kSlotsMax) named.insert(slot);
    }
  }
  return named.size();
}

}  // namespace stillframe
