// Stands in for stillframed: a real local server and real stores, filled by the test.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "local/guest_directory.h"
#include "local/server.h"

namespace stillframe {

class TestDaemon final : public GuestDirectory {
 public:
  struct Options {
    std::string socket_path;
    std::uint64_t pages = 64;
    std::uint64_t generations_max = 4;
  };

  // Serves the guest "web1", which has no snapshot yet, until it goes or Kill.
  explicit TestDaemon(Options options);
  ~TestDaemon() override;

  // Ends the server as a crash would: connections drop, memory stays as it is.
  void Kill();

  // The next generation. Pages in `written` get fresh bytes, those in `emptied` the reserved slot;
  // the rest stay as they were (at first: zero).
  Generation Publish(const std::vector<std::uint64_t>& written,
                     const std::map<std::uint64_t, Slot>& emptied = {});

  // For generations that are published from now on.
  void SetMachineFrames(const std::vector<std::uint64_t>& frames);

  // What a generation's memory was; zero and absent pages as zeros.
  std::string MemoryOf(Generation generation) const;

  const std::string& uuid() const { return uuid_; }
  std::string epoch() const { return store_->epoch().ToString(); }
  std::uint64_t pins() const { return store_->pin_count(); }

  // From now on captures wait until they are cancelled.
  void HoldCaptures() { hold_captures_ = true; }
  // From now on web1's statistics say whether its newest capture failed.
  void ReportFailure(bool failing) { failing_ = failing; }
  int captures_waiting() const;
  int captures_cancelled() const { return captures_cancelled_; }

  std::vector<v1::Guest> ListGuests() const override;
  absl::StatusOr<std::shared_ptr<SnapshotStore>> FindStore(std::string_view guest) const override;
  CaptureId RequestCapture(std::string_view guest, CaptureDone done) override;
  void CancelCapture(CaptureId id) override;
  EventLog& events() override { return events_; }

 private:
  const Options options_;
  const GuestIdentity guest_;
  const std::string uuid_;
  EventLog events_{512};
  std::shared_ptr<SnapshotStore> store_;

  mutable Mutex mu_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const MachineFrames> machine_frames_ ABSL_GUARDED_BY(mu_);
  std::string memory_ ABSL_GUARDED_BY(mu_);
  std::map<std::uint64_t, std::string> memory_of_ ABSL_GUARDED_BY(mu_);
  std::uint64_t newest_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<CaptureId, CaptureDone> waiting_ ABSL_GUARDED_BY(mu_);
  CaptureId next_capture_ ABSL_GUARDED_BY(mu_) = 1;
  std::atomic<bool> hold_captures_{false};
  std::atomic<bool> failing_{false};
  std::atomic<int> captures_cancelled_{0};

  std::unique_ptr<LocalServer> server_;
  std::thread thread_;
};

}  // namespace stillframe
