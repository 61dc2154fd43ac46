#include "bench/support/still_capture.h"

#include "base/status.h"

namespace stillframe::bench {

StillCapture::StillCapture() {
  events_.SetWakeUp([this] {
    if (told_ns_ == 0) told_ns_ = Clock::System().MonotonicNs();
  });
}

absl::StatusOr<std::unique_ptr<StillCapture>> StillCapture::Start(std::uint64_t pages,
                                                                  std::uint64_t spare_pages,
                                                                  std::uint64_t generations_max) {
  std::unique_ptr<StillCapture> still(new StillCapture);
  SF_ASSIGN_OR_RETURN(still->guest_, StillGuest::Create(pages));
  Arena::Options arena;
  arena.name = "bench-arena";
  arena.bytes_max = ((pages + spare_pages) << kPageShift) + 2 * arena.segment_bytes;
  Retention retention;
  retention.generations_max = generations_max;
  SF_ASSIGN_OR_RETURN(still->store_,
                      SnapshotStore::Create(still->guest_->identity(), Epoch::Random(),
                                            std::make_shared<Arena>(arena), retention,
                                            Clock::System(), still->events_));
  CapturePolicy policy;
  policy.generations_max = generations_max;
  policy.pause_deadline_ms = 60'000;
  policy.pause_budget_ms = 0;
  still->capturer_ =
      std::make_unique<Capturer>(*still->guest_, *still->store_, policy, Clock::System());
  still->guest_->dirty.SetRange({Gfn{0}, pages});
  SF_RETURN_IF_ERROR(still->Capture().status());
  return still;
}

absl::StatusOr<SnapshotPtr> StillCapture::Capture(std::uint64_t due_ns) {
  told_ns_ = 0;
  SF_ASSIGN_OR_RETURN(auto view, guest_->Refresh());
  return capturer_->Capture(std::move(view), guard_, CaptureTrigger::kRequest, cancelled_, due_ns);
}

}  // namespace stillframe::bench
