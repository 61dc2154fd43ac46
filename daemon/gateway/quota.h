// So many of something at once, in total and for each client.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace stillframe {

class Quota : public std::enable_shared_from_this<Quota> {
 public:
  // The bounds' names are what refusals tell.
  struct Bound {
    std::string name;
    std::uint32_t max = 0;
  };
  Quota(Bound total, Bound per_client)
      : total_(std::move(total)), per_client_(std::move(per_client)) {}

  // One taken place; given back when this goes.
  class Lease {
   public:
    Lease(std::shared_ptr<Quota> quota, std::string peer)
        : quota_(std::move(quota)), peer_(std::move(peer)) {}
    ~Lease() { quota_->Return(peer_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    const std::shared_ptr<Quota> quota_;
    const std::string peer_;
  };

  // RESOURCE_EXHAUSTED with reason LIMIT_EXCEEDED at a bound. `attempt` goes into the message.
  // `peer` is gRPC's URI of the other end: a connection, or any caller on a unix socket. The latter
  // are not told apart, so only the total bounds them.
  absl::StatusOr<std::unique_ptr<Lease>> Take(std::string_view attempt, std::string_view peer)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::uint32_t taken() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Return(const std::string& peer) ABSL_LOCKS_EXCLUDED(mu_);

  const Bound total_;
  const Bound per_client_;
  mutable Mutex mu_;
  std::uint32_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, std::uint32_t> peers_ ABSL_GUARDED_BY(mu_);  // no zeros
};

}  // namespace stillframe
