// The table that `stillframe top` shows, and the same as JSON.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "render/json.h"
#include "top/fleet_rates.h"

namespace stillframe::cli {

struct ScreenSize {
  std::size_t rows = 0;     // 0: as many as there are
  std::size_t columns = 0;  // 0: as wide as it must be
};

// Two lines about the host, then one per guest; what does not fit is cut and counted.
std::string TopText(const v1::Host& host, const std::vector<GuestRates>& guests,
                    const ScreenSize& screen);

Json TopJson(const v1::Host& host, const std::vector<GuestRates>& guests);

// Whether sums over all guests are in it: they are only for who may list every guest.
bool TellsLoad(const v1::Host& host);

// "0.1.0, up 3 h 12 min".
std::string VersionAndUptime(const std::string& version, std::uint64_t uptime_ms);

// "1.2 GiB of 8 GiB (15 %)".
std::string ShareOf(std::uint64_t bytes, std::uint64_t bytes_max);

}  // namespace stillframe::cli
