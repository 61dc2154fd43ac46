// Whether a host's service is as it should be, for people and for monitoring.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "render/json.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/host.pb.h"

namespace stillframe::cli {

struct Finding {
  std::string guest;  // its name; empty: about the host
  std::string uuid;
  std::string what;  // for scripts: "captures_fail", "snapshot_overdue", "arena_full" ...
  std::string message;
};

struct HostVerdict {
  v1::Host host;
  std::size_t guests = 0;
  std::size_t captured = 0;       // can be
  std::vector<Finding> problems;  // somebody should look
  std::vector<Finding> notes;     // good to know

  bool healthy() const { return problems.empty(); }
};

// Problems: captures of a guest fail (captures_fail), or its newest snapshot is three periods and
// five seconds old (snapshot_overdue); page copies take 95 % of their memory (arena_full).
// Notes: a guest cannot be captured (not_captured), has no snapshot yet (no_snapshot_yet), or its
// period is stretched (period_stretched); the guardian had to help (guardian_resumed,
// guardian_restarted).
HostVerdict Judge(const v1::Host& host, const std::vector<v1::Guest>& guests);

// "2 problems".
std::string ProblemsText(const HostVerdict& verdict);

std::string StatusText(const HostVerdict& verdict);
Json StatusJson(const HostVerdict& verdict);

}  // namespace stillframe::cli
