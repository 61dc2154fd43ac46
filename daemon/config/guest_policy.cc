#include "config/guest_policy.h"

#include "config/guest_pattern.h"

namespace stillframe {

bool GuestRule::Matches(std::string_view name, const GuestId& id) const {
  return GuestPatternMatches(match, name, id.ToString());
}

const GuestPolicy& GuestPolicies::PolicyFor(std::string_view name, const GuestId& id) const {
  for (const GuestRule& rule : rules) {
    if (rule.Matches(name, id)) return rule.config;
  }
  return defaults;
}

}  // namespace stillframe
