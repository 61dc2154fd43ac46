// Server credentials for gRPC that follow ServerCertificates from handshake to handshake.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "gateway/identity/server_certificates.h"

namespace stillframe {

// TLS 1.3 and nothing older; clients have to show a certificate that the CA signed. `certificates`
// must have been loaded. Both they and the credentials, which are for one port, must outlive the
// server: gRPC keeps no reference to what it asks.
std::shared_ptr<grpc::ServerCredentials> TlsCredentialsOf(ServerCertificates& certificates);

// Before gRPC is used for the first time in this process: leaves TLS 1.2 no cipher suite to agree
// on. gRPC 1.51 offers no bound on the version, and reads its suites of TLS 1.2 from the
// environment (GRPC_SSL_CIPHER_SUITES), once; those of TLS 1.3 are OpenSSL's own. The one named
// here works with pre-shared keys alone, which nobody has.
void RequireTls13();

}  // namespace stillframe
