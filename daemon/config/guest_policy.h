// Which guests are captured, how often, and what each may cost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"

namespace stillframe {

struct GuestPolicyConfig {
  bool capture = true;
  std::uint64_t period_ms = 1000;  // 0: only on demand
  std::uint64_t generations_max = 16;
  std::uint64_t arena_bytes_max = 0;      // 0: automatic
  std::uint64_t pause_deadline_ms = 500;  // then the guardian resumes the guest

  friend bool operator==(const GuestPolicyConfig&, const GuestPolicyConfig&) = default;
};

// A policy for some guests, in place of the defaults.
struct GuestRule {
  std::string match;  // a UUID, a name, or a name with * ? [...]
  GuestPolicyConfig policy;

  bool Matches(std::string_view name, const GuestId& id) const;
};

// What holds for one guest: the first rule that matches it, else the defaults.
struct GuestPolicies {
  GuestPolicyConfig defaults;
  std::vector<GuestRule> rules;  // in the order of the file

  const GuestPolicyConfig& PolicyFor(std::string_view name, const GuestId& id) const;
};

}  // namespace stillframe
