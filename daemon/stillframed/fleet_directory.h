// The daemon's guests as the local server sees them.
//
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "capture/fleet.h"
#include "local/guest_directory.h"

namespace stillframe {

class FleetDirectory final : public GuestDirectory {
 public:
  // Both must outlive it.
  FleetDirectory(Fleet& fleet, EventLog& events) : fleet_(fleet), events_(events) {}

  std::vector<v1::Guest> ListGuests() const override;
  absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(std::string_view guest) const override;
  CaptureId RequestCapture(std::string_view guest, CaptureDone done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelCapture(CaptureId id) override ABSL_LOCKS_EXCLUDED(mu_);
  EventLog& events() override { return events_; }

 private:
  // An open request. The worker answers on its own thread, perhaps before its number is known.
  struct OpenCapture {
    std::weak_ptr<Worker> worker;
    Worker::RequestId request = 0;  // 0: not known yet
    bool cancelled = false;
  };

  absl::StatusOr<std::shared_ptr<Worker>> FindWorker(std::string_view guest) const;

  Fleet& fleet_;
  EventLog& events_;
  Mutex mu_;
  CaptureId next_capture_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<CaptureId, OpenCapture> open_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
