#include "gateway/metrics/metrics_endpoint.h"

#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace stillframe {
namespace {

class Page final : public prometheus::Collectable {
 public:
  explicit Page(MetricsEndpoint::Look look) : look_(std::move(look)) {}
  std::vector<prometheus::MetricFamily> Collect() const override { return FamiliesOf(look_()); }

 private:
  const MetricsEndpoint::Look look_;
};

class Endpoint final : public MetricsEndpoint {
 public:
  // Throws what civetweb does when it cannot listen.
  Endpoint(const std::string& address, Look look)
      : page_(std::make_shared<Page>(std::move(look))),
        exposer_({"listening_ports", address, "num_threads", "4", "request_timeout_ms", "5000",
                  "enable_keep_alive", "no"}) {
    exposer_.RegisterCollectable(page_);
  }

  int port() const override { return exposer_.GetListeningPorts().front(); }

 private:
  const std::shared_ptr<Page> page_;
  prometheus::Exposer exposer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Listen(
    const ListenAddress& address, Look look) {
  if (address.kind == ListenAddress::Kind::kUnix) {
    return absl::InvalidArgumentError("metrics: Prometheus scrapes TCP addresses only");
  }
  // Only numbers: whatever else a name resolves to is not served.
  ListenAddress numeric = address;
  if (numeric.host == "localhost") numeric.host = "127.0.0.1";
  try {
    return std::make_unique<Endpoint>(numeric.ToString(), std::move(look));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        fmt::format("serve metrics on {}: in use, or this process may not ({})", numeric.ToString(),
                    error.what()));
  }
}

}  // namespace stillframe
