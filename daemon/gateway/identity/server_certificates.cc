#include "gateway/identity/server_certificates.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>

#include "base/openssl_objects.h"
#include "base/status.h"
#include "config/config_file.h"

namespace stillframe {
namespace {

// A key in a file that asks for a password is no key: nobody is there to answer.
int NoPassword(char*, int, int, void*) { return 0; }

absl::Status CheckPair(const std::string& certificate_pem, const std::string& key_pem,
                       const TlsSettings& files) {
  const openssl::Bio certificate_reader = openssl::ReaderOf(certificate_pem);
  const openssl::Bio key_reader = openssl::ReaderOf(key_pem);
  const openssl::Certificate certificate(
      PEM_read_bio_X509(certificate_reader.get(), nullptr, nullptr, nullptr));
  const openssl::Key key(PEM_read_bio_PrivateKey(key_reader.get(), nullptr, NoPassword, nullptr));
  const bool match = certificate != nullptr && key != nullptr &&
                     X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("{}: there is no PEM certificate in it", files.certificate));
  }
  if (key == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("{}: there is no unencrypted PEM key in it", files.key));
  }
  if (!match) {
    return absl::InvalidArgumentError(
        fmt::format("{}: not the key of the certificate in {}", files.key, files.certificate));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ServerCertificates::Load() {
  Pem pem;
  SF_ASSIGN_OR_RETURN(pem.certificate, ReadConfigFile(files_.certificate));
  SF_ASSIGN_OR_RETURN(pem.key, ReadConfigFile(files_.key));
  SF_ASSIGN_OR_RETURN(pem.client_ca, ReadConfigFile(files_.client_ca));
  std::string crl;
  if (!files_.crl.empty()) {
    SF_ASSIGN_OR_RETURN(crl, ReadConfigFile(files_.crl));
  }
  SF_RETURN_IF_ERROR(CheckPair(pem.certificate, pem.key, files_));
  MutexLock lock(mu_);
  SF_RETURN_IF_ERROR(clients_.Trust(pem.client_ca, crl));
  pem.version = clients_.version();
  pem_ = std::move(pem);
  return absl::OkStatus();
}

ServerCertificates::Pem ServerCertificates::Get() const {
  MutexLock lock(mu_);
  return pem_;
}

}  // namespace stillframe
