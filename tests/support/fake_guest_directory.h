// A directory of one guest whose snapshots a test publishes itself, over a real store.
//
// Thread-safe, but for Publish, SetMachineFrames and BeginEpoch, which one thread calls.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/reason.h"
#include "local/guest_directory.h"

namespace stillframe {

class FakeGuestDirectory final : public GuestDirectory {
 public:
  static constexpr std::size_t kPages = 64;
  static constexpr std::size_t kSegmentBytes = 64 * kPageBytes;

  FakeGuestDirectory(const Clock& clock, Retention retention, std::size_t log_events = 1000)
      : clock_(clock), retention_(retention), events_(log_events) {
    identity_.id = Uuid::OfName("web1");
    identity_.name = "web1";
  }

  const GuestIdentity& identity() const { return identity_; }

  // A reboot: fresh arena, fresh store, generations from 1 on.
  void BeginEpoch() {
    Arena::Options options;
    options.name = "test";
    options.segment_bytes = kSegmentBytes;
    options.bytes_max = 64 * kSegmentBytes;
    SnapshotEvent event;
    event.kind = SnapshotEvent::Kind::kEpochChanged;
    event.guest = identity_;
    event.epoch = Epoch::Random();
    std::shared_ptr<SnapshotStore> store = *SnapshotStore::Create(
        identity_, event.epoch, std::make_shared<Arena>(options), retention_, clock_, events_);
    {
      MutexLock lock(mu_);
      if (store_ != nullptr) event.previous_epoch = store_->epoch();
      store_ = std::move(store);
    }
    slots_.assign(kPages, kZeroSlot);
    generation_ = 0;
    events_.Append(std::move(event));
  }

  // For generations that are published from now on.
  void SetMachineFrames(const std::vector<std::uint64_t>& frames) {
    machine_frames_ = std::make_shared<const MachineFrames>(*MachineFrames::Seal("test", frames));
  }
  const std::shared_ptr<const MachineFrames>& machine_frames() const { return machine_frames_; }

  // A generation in which `pages` fresh pages from frame 0 on are filled with `fill`, the last
  // frame is a hole, and the rest is as before.
  SnapshotPtr Publish(std::byte fill, std::size_t pages = 4) {
    const std::shared_ptr<SnapshotStore> current = store();
    std::vector<SlotRun> runs;
    if (!current->arena().Reserve(pages, runs).ok()) return nullptr;
    std::size_t page = 0;
    for (const SlotRun& run : runs) {
      for (std::uint32_t i = 0; i < run.count; ++i) {
        std::memset(current->arena().At(run.first + i), static_cast<int>(fill), kPageBytes);
        slots_[page++] = run.first + i;
      }
    }
    slots_[kPages - 1] = kHoleSlot;
    SnapshotMetadata metadata;
    metadata.guest = identity_;
    metadata.epoch = current->epoch();
    metadata.generation = Generation{++generation_};
    metadata.pages_total = kPages;
    metadata.vcpus.resize(1);
    auto published = current->Publish(std::move(metadata), slots_, machine_frames_);
    return published.ok() ? *published : nullptr;
  }

  std::shared_ptr<SnapshotStore> store() const {
    MutexLock lock(mu_);
    return store_;
  }

  std::size_t open_captures() const {
    MutexLock lock(mu_);
    return captures_.size();
  }

  // Answers all open captures.
  void FinishCaptures(const absl::StatusOr<SnapshotPtr>& result) {
    std::map<CaptureId, CaptureDone> captures;
    {
      MutexLock lock(mu_);
      captures = std::exchange(captures_, {});
    }
    for (auto& [id, done] : captures) done(result);
  }

  std::vector<v1::Guest> ListGuests() const override {
    v1::Guest guest;
    guest.set_uuid(identity_.id.ToString());
    guest.set_name(identity_.name);
    return {guest};
  }

  absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(std::string_view guest) const override {
    if (guest != identity_.name && guest != identity_.id.ToString()) {
      return WithReason(absl::NotFoundError("no guest " + std::string(guest)), "GUEST_NOT_FOUND");
    }
    MutexLock lock(mu_);
    if (store_ == nullptr) {
      return WithReason(absl::NotFoundError("guest web1 has no snapshot yet"), "NO_SNAPSHOT_YET");
    }
    return store_;
  }

  CaptureId RequestCapture(std::string_view, CaptureDone done) override {
    MutexLock lock(mu_);
    captures_.emplace(++last_capture_, std::move(done));
    return last_capture_;
  }

  void CancelCapture(CaptureId id) override {
    CaptureDone done;
    {
      MutexLock lock(mu_);
      const auto found = captures_.find(id);
      if (found == captures_.end()) return;
      done = std::move(found->second);
      captures_.erase(found);
    }
    done(absl::CancelledError("cancelled"));
  }

  EventLog& events() override { return events_; }

 private:
  const Clock& clock_;
  const Retention retention_;
  GuestIdentity identity_;
  EventLog events_;
  std::vector<Slot> slots_;
  std::shared_ptr<const MachineFrames> machine_frames_;
  std::uint64_t generation_ = 0;

  mutable Mutex mu_;
  std::shared_ptr<SnapshotStore> store_ ABSL_GUARDED_BY(mu_);
  std::map<CaptureId, CaptureDone> captures_ ABSL_GUARDED_BY(mu_);
  CaptureId last_capture_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace stillframe
