// Serves metrics over HTTP, to whoever can connect: GET /metrics, Prometheus' text format.
//
// Thread-safe. Few threads and short time-outs: it is for a scraper or two of this host.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "config/listen_address.h"
#include "gateway/metrics/metric_families.h"

namespace stillframe {

class MetricsEndpoint {
 public:
  // Called for each scrape, on any thread, perhaps two at once.
  using Look = std::function<MetricsLook()>;

  // INVALID_ARGUMENT: not a TCP address. UNAVAILABLE: it cannot listen there.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Listen(const ListenAddress& address,
                                                                 Look look);

  // Waits for the scrapes that run.
  virtual ~MetricsEndpoint() = default;

  // The port that was really bound.
  virtual int port() const = 0;
};

}  // namespace stillframe
