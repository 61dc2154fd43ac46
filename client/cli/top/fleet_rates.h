// What all guests do per second: two looks at the counters, compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/host.pb.h"

namespace stillframe::cli {

// What was seen at one time.
struct FleetLook {
  std::uint64_t monotonic_ns = 0;  // ours
  v1::Host host;
  std::vector<v1::Guest> guests;
};

struct GuestRates {
  v1::Guest guest;

  // Since the look before; 0 in all of them when there was none of this guest.
  double captures_per_s = 0;
  double failures_per_s = 0;
  double copied_bytes_per_s = 0;  // pre-copy included
  double changed_bytes_per_s = 0;
  double downtime = 0;                // share of the time, 0 to 1
  std::uint64_t pause_mean_ns = 0;    // 0: no pause
  std::uint64_t pause_bound_us = 0;   // no pause was longer than this; 0: no pause, or no bound
  std::uint64_t snapshot_age_ns = 0;  // by the host's clock; 0: no snapshot
};

// In the order of `after`. Counters that went back count from 0: the guest, or the daemon, is new.
std::vector<GuestRates> RatesBetween(const FleetLook& before, const FleetLook& after);

// How old the newest snapshot is; 0: there is none, or the host's clock says that it is to come.
std::uint64_t SnapshotAgeNs(const v1::Host& host, const v1::Guest& guest);

}  // namespace stillframe::cli
