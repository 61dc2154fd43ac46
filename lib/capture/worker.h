// Captures one guest, periodically and on request, for as long as it is there.
//
// Thread-safe. A thread of its own owns the guest; callers only leave requests and look at what is
// published. A reboot begins a new epoch with a store of its own; the old one lives on in its pins.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "capture/capture_totals.h"
#include "capture/capture_turns.h"
#include "capture/capturer.h"
#include "capture/failure_log.h"
#include "capture/home_node.h"
#include "capture/pacing.h"
#include "capture/policy.h"
#include "guest/guest.h"
#include "guest/pause_guard.h"
#include "store/event_log.h"
#include "store/snapshot_store.h"

namespace stillframe {

// What every worker of a daemon shares. The references must outlive the workers.
struct WorkerContext {
  const Clock& clock;
  EventLog& events;
  std::shared_ptr<ArenaBudget> budget;
  std::uint64_t pins_max = 1024;  // per guest

  // Makes the guard of one guest; called again when the guest's ticket changed.
  std::function<absl::StatusOr<std::unique_ptr<PauseGuard>>(const ResumeTicket&, int fd)> guard;

  // Helps with large copies, one worker at a time; null: each copies alone.
  std::shared_ptr<CopyCrew> crew = nullptr;

  // Whose turn it is to capture; null: everybody's.
  std::shared_ptr<CaptureTurns> turns = nullptr;

  // Where there are NUMA nodes to choose from.
  std::shared_ptr<const NumaHost> numa = nullptr;

  ArenaSecrecy arena_secrecy = {};
};

struct WorkerStatus {
  RunState state = RunState::kRunning;
  std::uint32_t vcpus = 0;
  std::uint64_t page_count = 0;
  std::uint64_t readable_pages = 0;
  GuestCapabilities capabilities;
  CapturePolicy policy;  // with what 0 left open filled in
  std::uint64_t captures = 0;
  std::uint64_t captures_failed = 0;
  std::uint64_t paused_ns = 0;
  std::uint64_t stretched_period_ms = 0;  // what downtime_percent_max makes of the period; 0: same
  absl::Status last_error;                // of the newest capture
  CaptureTotals totals;                   // of all epochs; the rest is of the current one
};

class Worker {
 public:
  using Done = std::function<void(absl::StatusOr<SnapshotPtr>)>;
  using RequestId = std::uint64_t;

  // Starts the thread.
  Worker(std::unique_ptr<Guest> guest, CapturePolicy policy, WorkerContext context);

  // Withdraws a running capture (the guest is resumed at once) and joins the thread. Open requests
  // get CANCELLED.
  ~Worker();

  const GuestIdentity& identity() const { return identity_; }

  // Asks for a capture that begins after this call. `done` is called once, on the worker's thread.
  RequestId Request(Done done) ABSL_LOCKS_EXCLUDED(mu_);

  // `done` of that request gets CANCELLED unless it was called already; a capture that nobody else
  // waits for and no period asked for is withdrawn.
  void Cancel(RequestId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Asks for a look at the guest between captures, so that one that rebooted gets its new epoch,
  // and memory of what is gone is let go of, without waiting for the next capture.
  void LookAgain() ABSL_LOCKS_EXCLUDED(mu_);

  // The current epoch's; null before the first Refresh succeeded.
  std::shared_ptr<SnapshotStore> store() const ABSL_LOCKS_EXCLUDED(mu_);
  WorkerStatus status() const ABSL_LOCKS_EXCLUDED(mu_);

  // The guest is gone for good: this worker will do nothing more.
  bool finished() const { return finished_.load(); }

  // Feeds the watchdog: CLOCK_MONOTONIC of the last sign of life of the thread.
  std::uint64_t last_progress_ns() const { return last_progress_ns_.load(); }

 private:
  enum class Wake : std::uint8_t { kStop, kLook, kCapture };

  void Run();
  Wake WaitUntilDue(std::uint64_t due_ns) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Look();
  absl::StatusOr<SnapshotPtr> CaptureInTurn(CaptureTrigger trigger);
  absl::StatusOr<SnapshotPtr> CaptureOnce(CaptureTrigger trigger);
  void NoteState(const GuestView& view) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status BeginEpoch(const GuestView& view) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status RefreshGuard();
  void Record(const absl::StatusOr<SnapshotPtr>& result) ABSL_LOCKS_EXCLUDED(mu_);
  void RecordSuccess(const SnapshotMetadata& snapshot, std::uint64_t paused_ns);
  void RecordFailure(const absl::Status& failure);
  void Complete(std::map<RequestId, Done> requests, const absl::StatusOr<SnapshotPtr>& result);
  void Leave(const absl::Status& reason);
  void Announce(SnapshotEvent::Kind kind, const absl::Status& error, Epoch previous);

  const std::unique_ptr<Guest> guest_;
  const GuestIdentity identity_;
  const CapturePolicy policy_;
  const WorkerContext context_;

  // Owned by the thread.
  std::unique_ptr<PauseGuard> guard_;
  ResumeTicket guarded_ticket_;
  const std::shared_ptr<HomeNode> home_;  // the arena's too
  std::unique_ptr<Capturer> capturer_;
  std::uint64_t boot_ = 0;
  Pacing pacing_;
  FailureLog failures_;

  std::atomic<bool> cancel_capture_{false};
  std::atomic<bool> finished_{false};
  std::atomic<std::uint64_t> last_progress_ns_{0};

  mutable Mutex mu_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool look_again_ ABSL_GUARDED_BY(mu_) = false;
  RequestId next_request_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<RequestId, Done> waiting_ ABSL_GUARDED_BY(mu_);  // for the next capture
  std::map<RequestId, Done> served_ ABSL_GUARDED_BY(mu_);   // by the one that runs
  bool periodic_capture_runs_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<SnapshotStore> store_ ABSL_GUARDED_BY(mu_);
  WorkerStatus status_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;  // last: starts when all else stands
};

}  // namespace stillframe
