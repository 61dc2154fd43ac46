// Looks every few seconds how the daemon's guests are, for health checks and status lines.
//
// A thread of its own asks, because a daemon that hangs answers late. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "gateway/daemon_link.h"

namespace stillframe {

class GuestPoll {
 public:
  struct Result {
    bool daemon_there = false;
    std::size_t guests = 0;
    std::size_t captured = 0;  // they can be
    std::size_t failing = 0;   // of those: the newest capture failed

    // Every guest that can be captured is.
    bool all_well() const { return daemon_there && failing == 0; }
  };

  // `on_result` is called on the poll's thread, after each look.
  GuestPoll(DaemonLink& link, std::chrono::milliseconds period,
            std::function<void(const Result&)> on_result);
  ~GuestPoll();

  // The newest.
  Result result() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Result Look();

  DaemonLink& link_;
  const std::chrono::milliseconds period_;
  const std::function<void(const Result&)> on_result_;

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  Result result_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: starts when all else stands
};

}  // namespace stillframe
