// The gateway's own certificate and what it takes of clients', read from files and replaced as
// these change.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "config/gateway_config.h"
#include "gateway/identity/client_certificates.h"

namespace stillframe {

class ServerCertificates {
 public:
  ServerCertificates(TlsSettings files, const Clock& clock)
      : files_(std::move(files)), clients_(clock) {}

  // Reads all files. What is wrong with one of them, in one line; then what was loaded before
  // stays in force.
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  struct Pem {
    std::uint64_t version = 0;  // grows with every Load that succeeded
    std::string certificate;
    std::string key;
    std::string client_ca;
  };
  Pem Get() const ABSL_LOCKS_EXCLUDED(mu_);
  std::uint64_t version() const { return clients_.version(); }

  ClientCertificates& clients() { return clients_; }
  const TlsSettings& files() const { return files_; }

 private:
  const TlsSettings files_;
  ClientCertificates clients_;
  mutable Mutex mu_;
  Pem pem_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
