#include "gateway/identity/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <cstdlib>

namespace stillframe {
namespace {

// Each handshake asks for the certificates anew (grpc_security.h: the config fetcher), so that a
// replaced file needs no new server. gRPC's C++ layer has no name for that: this adapts the C one.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  explicit TlsCredentials(ServerCertificates& certificates)
      : certificates_(certificates),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, &Fetch, this))) {}
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  // Called under gRPC's lock, one at a time.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    TlsCredentials& credentials = *static_cast<TlsCredentials*>(self);
    if (credentials.seen_version_ == credentials.certificates_.version()) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const ServerCertificates::Pem pem = credentials.certificates_.Get();
    const grpc_ssl_pem_key_cert_pair pair{pem.key.c_str(), pem.certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(pem.client_ca.c_str(), &pair, 1);
    if (*config == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    credentials.seen_version_ = pem.version;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  ServerCertificates& certificates_;
  std::uint64_t seen_version_ = 0;
  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentialsOf(ServerCertificates& certificates) {
  return std::make_shared<TlsCredentials>(certificates);
}

void RequireTls13() { setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", 1); }

}  // namespace stillframe
