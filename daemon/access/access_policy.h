// Who may do what with which guest, and how much of everything at once. Default: nothing.
//
// Immutable once built, so that calls share one while a new one is put in its place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/principal.h"
#include "access/rights.h"

namespace stillframe {

struct Grant {
  std::vector<std::string> principals;  // patterns (principal.h)
  std::vector<std::string> guests;      // UUIDs, names, names with * ? [...]
  Rights rights;
};

// Bounds on one principal. 0: the gateway's own bound alone.
struct PrincipalLimits {
  std::uint64_t streams_max = 0;  // open streams and captures
  std::uint64_t inflight_bytes_max = 0;
  std::uint64_t pins_max = 0;
  std::uint64_t pinned_bytes_max = 0;  // pages with bytes in the pinned generations
  std::uint64_t captures_per_minute_max = 0;
  std::uint64_t request_bytes_max = 0;  // that one read asks for
};

struct QuotaRule {
  std::vector<std::string> principals;
  PrincipalLimits limits;
};

class AccessPolicy {
 public:
  AccessPolicy(std::vector<Grant> grants, std::vector<QuotaRule> quotas)
      : grants_(std::move(grants)), quotas_(std::move(quotas)) {}

  // What holds without a policy file: the permissions of a unix socket decide, and whoever it lets
  // in may do everything but administer; nobody else may do anything.
  static AccessPolicy SocketPermissions();

  Rights RightsOn(const Principal& principal, std::string_view guest_name,
                  std::string_view guest_uuid) const;

  // What is granted on the guests "*": holds without knowing the guest.
  Rights RightsOnEveryGuest(const Principal& principal) const;

  bool GrantsAnything(const Principal& principal) const;

  // Of the first rule that names the principal; all 0 when none does.
  PrincipalLimits LimitsOf(const Principal& principal) const;

  // Those that name the principal.
  std::vector<Grant> GrantsTo(const Principal& principal) const;

  const std::vector<Grant>& grants() const { return grants_; }
  const std::vector<QuotaRule>& quotas() const { return quotas_; }

 private:
  std::vector<Grant> grants_;
  std::vector<QuotaRule> quotas_;
};

}  // namespace stillframe
