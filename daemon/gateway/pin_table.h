// The pins that remote readers made: each holds a snapshot until its time is over.
//
// Thread-safe. A thread of its own drops what expired.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "gateway/quota.h"
#include "local/pinned_snapshot.h"
#include "stillframe/v1/pin_service.pb.h"

namespace stillframe {

class PinTable {
 public:
  PinTable(std::uint64_t ttl_ms_max, std::shared_ptr<Quota> quota, const Clock& clock);
  ~PinTable();

  // INVALID_ARGUMENT (REQUEST_INVALID): longer than the bound. 0: 60 s, or the bound if less.
  absl::Status CheckTtl(std::uint64_t ttl_ms) const;

  // Holds `snapshot` under a fresh id that nobody can guess. RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<v1::Pin> Add(std::shared_ptr<PinnedSnapshot> snapshot, std::uint64_t ttl_ms,
                              std::string_view peer) ABSL_LOCKS_EXCLUDED(mu_);

  // The time counts from now. NOT_FOUND (PIN_NOT_FOUND): expired, released, or the generation was
  // lost.
  absl::StatusOr<v1::Pin> Renew(const std::string& id, std::uint64_t ttl_ms)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Release(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::shared_ptr<PinnedSnapshot> snapshot;
    std::unique_ptr<Quota::Lease> lease;
    std::uint64_t expires_ns = 0;  // CLOCK_MONOTONIC
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t TtlNs(std::uint64_t ttl_ms) const;
  v1::Pin Describe(const std::string& id, const PinnedSnapshot& snapshot,
                   std::uint64_t ttl_ns) const;
  Entry Take(std::map<std::string, Entry>::iterator pin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::uint64_t ttl_ms_max_;
  const std::shared_ptr<Quota> quota_;
  const Clock& clock_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, Entry> pins_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stillframe
