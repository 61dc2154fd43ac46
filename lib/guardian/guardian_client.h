// The daemon's side of the guardian: starts it, starts it again when it dies, hands out guards.
//
// Thread-safe. Start it early, after RecoverLeftovers and before guests are opened; destroy it
// after all guards. Its thread holds the ledger's life lock: when that thread is gone, so is the
// daemon.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "guardian/guardian_link.h"
#include "guardian/guardian_process.h"
#include "guardian/ledger_pause_guard.h"

namespace stillframe {

struct GuardianStats {
  std::uint64_t resumes = 0;   // guests that guardians resumed, ever since the ledger exists
  std::uint64_t respawns = 0;  // guardians started after the first
};

class GuardianClient {
 public:
  struct Options {
    std::vector<std::string> command;  // e.g. {"/proc/self/exe", "--guardian"}
    LogLine log;
    std::chrono::milliseconds ready_within{60'000};
  };

  // Returns when the guardian watches `ledger`, which this process owns. UNAVAILABLE: it did not
  // get ready. Forbids this process to dump core: it would be dead, its pauses still in force,
  // for as long as writing out all its memory takes.
  static absl::StatusOr<std::unique_ptr<GuardianClient>> Start(PauseLedger ledger, Options options);

  // The guardian resumes what is still paused, and ends; waits two seconds for that.
  ~GuardianClient();

  GuardianClient(const GuardianClient&) = delete;
  GuardianClient& operator=(const GuardianClient&) = delete;

  // `fd` is the guest's resume_fd() (-1: none); it is copied. RESOURCE_EXHAUSTED: too many guests.
  absl::StatusOr<std::unique_ptr<LedgerPauseGuard>> Register(const ResumeTicket& ticket, int fd);

  // Whether Arm would find a guardian.
  bool guarded() const { return link_->guarded(); }
  pid_t guardian_pid() const { return pid_.load(std::memory_order_acquire); }
  GuardianStats stats() const;

 private:
  GuardianClient(std::shared_ptr<GuardianLink> link, UniqueFd stop, Options options);

  void Supervise();
  absl::Status RunOneGuardian() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AwaitReady(const GuardianProcess& guardian);
  bool SleepUnlessStopped(std::chrono::milliseconds time);
  void Report(const absl::Status& first) ABSL_LOCKS_EXCLUDED(mu_);

  const std::shared_ptr<GuardianLink> link_;
  const UniqueFd stop_;  // eventfd
  const Options options_;
  std::atomic<pid_t> pid_{-1};
  std::atomic<std::uint64_t> respawns_{0};
  Mutex mu_;
  CondVar reported_;
  bool has_report_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status report_ ABSL_GUARDED_BY(mu_);
  std::thread supervisor_;
};

}  // namespace stillframe
