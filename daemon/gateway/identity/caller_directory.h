// Tells who makes a call, by the transport that it came over.
//
// Thread-safe.
#pragma once

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "gateway/identity/caller.h"
#include "gateway/identity/server_certificates.h"
#include "gateway/identity/unix_peers.h"

namespace stillframe {

class CallerDirectory {
 public:
  // `certificates` may be null: no TLS. Both must outlive this.
  CallerDirectory(const UnixPeers& unix_peers, ServerCertificates* certificates)
      : unix_peers_(unix_peers), certificates_(certificates) {}

  // UNAUTHENTICATED (IDENTITY_INVALID): a certificate that is not valid now. `peer` is filled in
  // even then.
  absl::Status Identify(const grpc::CallbackServerContext& call, Caller& caller) const;

  // Whether what Identify said would be said again: for calls that last.
  absl::Status Check(const Caller& caller) const;

  // Grows when Check may have another answer.
  std::uint64_t version() const { return certificates_ == nullptr ? 0 : certificates_->version(); }

 private:
  const UnixPeers& unix_peers_;
  ServerCertificates* const certificates_;
};

}  // namespace stillframe
