// Which guests are captured, how often, and what each may cost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"
#include "capture/policy.h"

namespace stillframe {

// What holds for some guests in place of the defaults.
struct GuestRule {
  std::string match;  // a UUID, a name, or a name with * ? [...]
  GuestPolicy config;

  bool Matches(std::string_view name, const GuestId& id) const;
};

// What holds for one guest: the first rule that matches it, else the defaults.
struct GuestPolicies {
  GuestPolicy defaults;
  std::vector<GuestRule> rules;  // in the order of the file

  const GuestPolicy& PolicyFor(std::string_view name, const GuestId& id) const;
};

}  // namespace stillframe
