// What a client's certificate is worth: whether it is valid now, and whom it names.
//
// Thread-safe. Checked in every call, not in the handshake alone: a certificate that is revoked or
// expires ends what its connection may do. Answers are remembered by certificate.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "access/principal.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace stillframe {

class ClientCertificates {
 public:
  explicit ClientCertificates(const Clock& clock) : clock_(clock) {}

  // PEM texts. `crl` empty: none is checked. INVALID_ARGUMENT: not usable; the old ones stay.
  absl::Status Trust(const std::string& ca, const std::string& crl) ABSL_LOCKS_EXCLUDED(mu_);

  // The leaf first. UNAUTHENTICATED (IDENTITY_INVALID): not signed by a trusted CA, expired,
  // revoked, not for clients, or without a SPIFFE URI and DNS name.
  absl::StatusOr<Principal> Identify(const std::string& chain) ABSL_LOCKS_EXCLUDED(mu_);

  // Grows with every Trust.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  struct Store;
  struct Verdict {
    absl::StatusOr<Principal> principal;
    std::uint64_t until_wall_ns = 0;
  };

  Verdict Judge(const std::string& chain) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  std::atomic<std::uint64_t> version_{1};
  Mutex mu_;
  std::shared_ptr<const Store> store_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Verdict> verdicts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
