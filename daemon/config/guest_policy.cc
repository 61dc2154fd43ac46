#include "config/guest_policy.h"

#include <fnmatch.h>

namespace stillframe {

bool GuestRule::Matches(std::string_view name, const GuestId& id) const {
  if (const auto wanted = Uuid::Parse(match)) return *wanted == id;
  return fnmatch(match.c_str(), std::string(name).c_str(), 0) == 0;
}

const GuestPolicy& GuestPolicies::PolicyFor(std::string_view name, const GuestId& id) const {
  for (const GuestRule& rule : rules) {
    if (rule.Matches(name, id)) return rule.config;
  }
  return defaults;
}

}  // namespace stillframe
