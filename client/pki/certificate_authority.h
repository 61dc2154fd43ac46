// A small certificate authority: what it takes to try mutual TLS, or to run it in a small place.
//
// Thread-compatible.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe {

// PEM texts. Keys are of the curve P-256, unencrypted.
struct Credential {
  std::string certificate;
  std::string key;
};

class CertificateAuthority {
 public:
  struct Request {
    std::string common_name;
    // Subject alternative names as OpenSSL's configuration writes them: "DNS:host.example.org",
    // "IP:10.0.0.1", "URI:spiffe://example.org/monitor/m1".
    std::vector<std::string> names;
    bool for_servers = false;            // else for clients
    std::chrono::seconds valid_from{0};  // from now
    std::chrono::seconds valid_for{std::chrono::hours(24 * 365)};
  };

  // A new one, valid for ten years.
  static absl::StatusOr<CertificateAuthority> Create(const std::string& common_name);

  // INVALID_ARGUMENT: not a certificate and its key.
  static absl::StatusOr<CertificateAuthority> Load(Credential credential);

  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  // INVALID_ARGUMENT: a name that OpenSSL does not take.
  absl::StatusOr<Credential> Issue(const Request& request) const;

  // A revocation list (PEM, valid for a year) of what `list` has (empty: nothing) and of
  // `certificates`.
  absl::StatusOr<std::string> Revoke(const std::string& list,
                                     const std::vector<std::string>& certificates) const;

  const Credential& credential() const { return credential_; }

 private:
  struct Objects;
  CertificateAuthority(Credential credential, std::unique_ptr<Objects> objects);

  Credential credential_;
  std::unique_ptr<Objects> objects_;
};

}  // namespace stillframe
