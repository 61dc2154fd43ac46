#include "access/access_policy.h"

#include <algorithm>

#include "config/guest_pattern.h"

namespace stillframe {
namespace {

bool NamesAny(const std::vector<std::string>& patterns, const Principal& principal) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return principal.Matches(pattern); });
}

}  // namespace

AccessPolicy AccessPolicy::SocketPermissions() {
  Rights rights;
  for (const Right right : {Right::kList, Right::kRead, Right::kCapture, Right::kPin}) {
    rights.Add(right);
  }
  return AccessPolicy({Grant{{"user:*"}, {"*"}, rights}}, {});
}

Rights AccessPolicy::RightsOn(const Principal& principal, std::string_view guest_name,
                              std::string_view guest_uuid) const {
  Rights rights;
  for (const Grant& grant : grants_) {
    const bool names_guest =
        std::any_of(grant.guests.begin(), grant.guests.end(), [&](const std::string& pattern) {
          return GuestPatternMatches(pattern, guest_name, guest_uuid);
        });
    if (names_guest && NamesAny(grant.principals, principal)) rights.Add(grant.rights);
  }
  return rights;
}

Rights AccessPolicy::RightsOnEveryGuest(const Principal& principal) const {
  Rights rights;
  for (const Grant& grant : grants_) {
    const bool every =
        std::find(grant.guests.begin(), grant.guests.end(), "*") != grant.guests.end();
    if (every && NamesAny(grant.principals, principal)) rights.Add(grant.rights);
  }
  return rights;
}

bool AccessPolicy::GrantsAnything(const Principal& principal) const {
  return std::any_of(grants_.begin(), grants_.end(),
                     [&](const Grant& grant) { return NamesAny(grant.principals, principal); });
}

PrincipalLimits AccessPolicy::LimitsOf(const Principal& principal) const {
  for (const QuotaRule& rule : quotas_) {
    if (NamesAny(rule.principals, principal)) return rule.limits;
  }
  return {};
}

std::vector<Grant> AccessPolicy::GrantsTo(const Principal& principal) const {
  std::vector<Grant> grants;
  for (const Grant& grant : grants_) {
    if (NamesAny(grant.principals, principal)) grants.push_back(grant);
  }
  return grants;
}

}  // namespace stillframe
