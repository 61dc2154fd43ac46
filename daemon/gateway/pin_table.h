// The pins that remote readers made: each holds a snapshot until its time is over.
//
// Thread-safe. A thread of its own drops what expired.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "access/principal.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "gateway/quota.h"
#include "local/pinned_snapshot.h"
#include "stillframe/v1/pin_service.pb.h"

namespace stillframe {

class PinTable {
 public:
  // Who holds a pin, and how many and how much it may hold.
  struct Owner {
    Principal principal;
    Quota::Bound pins;
    Quota::Bound pinned_bytes;
  };

  // Whether the caller may renew or release a pin of `owner` on that snapshot.
  using MayChange = std::function<bool(const Owner& owner, const v1::Snapshot& snapshot)>;

  PinTable(std::uint64_t ttl_ms_max, std::uint64_t pins_max, const Clock& clock);
  ~PinTable();

  // INVALID_ARGUMENT (REQUEST_INVALID): longer than the bound. 0: 60 s, or the bound if less.
  absl::Status CheckTtl(std::uint64_t ttl_ms) const;

  // Holds `snapshot` under a fresh id that nobody can guess. RESOURCE_EXHAUSTED (LIMIT_EXCEEDED).
  absl::StatusOr<v1::Pin> Add(std::shared_ptr<PinnedSnapshot> snapshot, std::uint64_t ttl_ms,
                              const Owner& owner) ABSL_LOCKS_EXCLUDED(mu_);

  // The time counts from now. NOT_FOUND (PIN_NOT_FOUND): expired, released, the generation was
  // lost, or the caller may not.
  absl::StatusOr<v1::Pin> Renew(const std::string& id, std::uint64_t ttl_ms,
                                const MayChange& may_change) ABSL_LOCKS_EXCLUDED(mu_);
  // The snapshot that was held.
  absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Release(const std::string& id,
                                                          const MayChange& may_change)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Releases every pin that `keep` does not want any more.
  void Sweep(const std::function<bool(const Owner& owner, const v1::Snapshot& snapshot)>& keep)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::uint64_t pins() const { return pins_quota_->taken(); }
  std::uint64_t PinsOf(const std::string& principal) const {
    return pins_quota_->TakenBy(principal);
  }
  std::uint64_t PinnedBytesOf(const std::string& principal) const {
    return bytes_quota_->TakenBy(principal);
  }

 private:
  struct Entry {
    std::shared_ptr<PinnedSnapshot> snapshot;
    Owner owner;
    std::unique_ptr<Quota::Lease> pin;
    std::unique_ptr<Quota::Lease> bytes;
    std::uint64_t expires_ns = 0;  // CLOCK_MONOTONIC
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t TtlNs(std::uint64_t ttl_ms) const;
  v1::Pin Describe(const std::string& id, const PinnedSnapshot& snapshot,
                   std::uint64_t ttl_ns) const;
  Entry Take(std::map<std::string, Entry>::iterator pin) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::uint64_t ttl_ms_max_;
  const std::shared_ptr<Quota> pins_quota_;
  const std::shared_ptr<Quota> bytes_quota_;
  const Clock& clock_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, Entry> pins_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace stillframe
