// What everybody in a soak counts together.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace stillframe::soak {

class Tally {
 public:
  std::atomic<std::uint64_t> captures{0};       // generations that a watcher saw published
  std::atomic<std::uint64_t> reads{0};          // snapshots verified
  std::atomic<std::uint64_t> pages{0};          // pages verified in them
  std::atomic<std::uint64_t> held_checks{0};    // snapshots verified again after they were held
  std::atomic<std::uint64_t> wrong{0};          // snapshots with wrong bytes
  std::atomic<std::uint64_t> wedged_drops{0};   // wedged readers that were dropped
  std::atomic<std::uint64_t> events{0};         // events that watchers saw
  std::atomic<std::uint64_t> missed{0};         // of them: told what was missed
  std::atomic<std::uint64_t> silent_gaps{0};    // generations skipped without a word
  std::atomic<std::uint64_t> capture_fails{0};  // events that a capture failed

  void AddPause(double us) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<double> pauses_us() const ABSL_LOCKS_EXCLUDED(mu_);

  // A call that did not succeed; expected while daemons are killed.
  void AddError(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  std::map<std::string, std::uint64_t> errors() const ABSL_LOCKS_EXCLUDED(mu_);

  // Says what is wrong, the first few times.
  void AddWrong(std::string_view what) ABSL_LOCKS_EXCLUDED(mu_);
  void AddGap(std::string_view what) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> complaints() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Complain(std::string_view what) ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  std::vector<double> pauses_us_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::uint64_t> errors_ ABSL_GUARDED_BY(mu_);  // by code and reason
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe::soak
