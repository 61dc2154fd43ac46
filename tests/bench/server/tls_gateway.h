// The gateway's services behind TLS, which the product's own server does not speak.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "bench/server/self_signed.h"

namespace stillframe::bench {

class TlsGateway {
 public:
  // Listens on a free port of the loopback interface.
  static absl::StatusOr<std::unique_ptr<TlsGateway>> Start(const std::string& daemon_socket,
                                                           const SelfSigned& identity);
  virtual ~TlsGateway() = default;

  virtual const std::string& address() const = 0;
};

}  // namespace stillframe::bench
