// Counts how calls end and who was refused what, for the metrics endpoint.
//
// Thread-safe. Counting takes a lock for a map's look-up: once a call, not once a message.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/mutex.h"

namespace stillframe {

class GatewayMetrics {
 public:
  // More principals than that are counted together as "other": certificates are the callers', and
  // whoever scrapes keeps every name for ever.
  static constexpr std::size_t kPrincipalsMax = 128;
  static constexpr std::size_t kSeriesMax = 1024;

  // A call of `method` ("MemoryService/ReadPages") by `principal` (empty: not known) ended with
  // `status`. PERMISSION_DENIED, UNAUTHENTICATED and RESOURCE_EXHAUSTED count as denials too, with
  // the status' reason and, of a quota, its name (base/reason.h).
  void CallEnded(std::string_view method, std::string_view principal, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);

  // A refusal that is no call, such as a handshake. `limit`: the quota's name, or empty.
  void Denied(std::string_view principal, std::string_view reason, std::string_view limit)
      ABSL_LOCKS_EXCLUDED(mu_);

  struct Call {
    std::string method;
    std::string code;  // "OK", "NOT_FOUND"
    friend auto operator<=>(const Call&, const Call&) = default;
  };
  struct Denial {
    std::string principal;
    std::string reason;
    std::string limit;
    friend auto operator<=>(const Denial&, const Denial&) = default;
  };
  std::map<Call, std::uint64_t> calls() const ABSL_LOCKS_EXCLUDED(mu_);
  std::map<Denial, std::uint64_t> denials() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable Mutex mu_;
  std::map<Call, std::uint64_t> calls_ ABSL_GUARDED_BY(mu_);
  std::map<Denial, std::uint64_t> denials_ ABSL_GUARDED_BY(mu_);
  std::set<std::string, std::less<>> principals_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
