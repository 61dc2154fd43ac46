// What operators are shown, as Prometheus' metric families: stillframe-gateway(8) lists them.
//
// Base units (seconds, bytes), counters end in _total. Labels are bounded: guests in number and in
// the length of their names, principals and reasons by what counts them (gateway_metrics.h).
#pragma once

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/gateway_metrics.h"
#include "stillframe/v1/guest.pb.h"
#include "stillframe/v1/host.pb.h"

namespace stillframe {

// Guests beyond that are left out, and counted in stillframe_guests_omitted.
inline constexpr std::size_t kGuestsShownMax = 1024;

// One look at everything.
struct MetricsLook {
  v1::Host host;  // without daemon while that is away
  std::vector<v1::Guest> guests;
  std::map<GatewayMetrics::Call, std::uint64_t> calls;
  std::map<GatewayMetrics::Denial, std::uint64_t> denials;

  // The gateway's bounds.
  std::uint64_t streams_max = 0;
  std::uint64_t pins_max = 0;
  std::uint64_t inflight_bytes_max = 0;
};

// All families, also those that have no sample yet, so that their help is always there.
std::vector<prometheus::MetricFamily> FamiliesOf(const MetricsLook& look);

// A label's value: UTF-8 whatever came in, without control characters, at most 128 bytes.
std::string LabelValue(std::string_view text);

}  // namespace stillframe
