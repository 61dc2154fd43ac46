#include "pki/certificate_authority.h"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <utility>

#include "base/openssl_objects.h"
#include "base/status.h"

namespace stillframe {
namespace {

constexpr std::chrono::seconds kCaValid = std::chrono::hours(24 * 3650);
constexpr std::chrono::seconds kListValid = std::chrono::hours(24 * 365);
constexpr int kSerialBytes = 16;

using Extension = std::unique_ptr<X509_EXTENSION, openssl::Freed<X509_EXTENSION_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, openssl::Freed<ASN1_INTEGER_free>>;
using Number = std::unique_ptr<BIGNUM, openssl::Freed<BN_free>>;
using Time = std::unique_ptr<ASN1_TIME, openssl::Freed<ASN1_TIME_free>>;
using Revoked = std::unique_ptr<X509_REVOKED, openssl::Freed<X509_REVOKED_free>>;

absl::Status Failed(std::string_view what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  ERR_clear_error();
  return absl::InternalError(fmt::format("{}: {}", what, reason.data()));
}

template <typename Write>
std::string PemOf(const Write& write) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  write(bio.get());
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(count)};
}

Credential PemOf(X509* certificate, EVP_PKEY* key) {
  return {PemOf([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); }), PemOf([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

bool SetRandomSerial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] &= 0x7f;  // positive
  const Number number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetTime(ASN1_TIME* time, std::chrono::seconds from_now) {
  return X509_gmtime_adj(time, static_cast<long>(from_now.count())) != nullptr;
}

bool AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool Begin(X509* certificate, EVP_PKEY* key, const std::string& common_name,
           std::chrono::seconds from, std::chrono::seconds to) {
  return X509_set_version(certificate, X509_VERSION_3) == 1 && SetRandomSerial(certificate) &&
         SetTime(X509_getm_notBefore(certificate), from) &&
         SetTime(X509_getm_notAfter(certificate), to) && X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                    -1, 0) == 1;
}

absl::Status CheckName(const std::string& name) {
  // OpenSSL's syntax would take a comma for the next entry, and reads files after "@".
  if (name.find_first_of(",\n\r") == std::string::npos &&
      (name.starts_with("DNS:") || name.starts_with("IP:") || name.starts_with("URI:"))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no DNS:, IP: or URI: name", name));
}

}  // namespace

struct CertificateAuthority::Objects {
  openssl::Certificate certificate;
  openssl::Key key;
};

CertificateAuthority::CertificateAuthority(Credential credential, std::unique_ptr<Objects> objects)
    : credential_(std::move(credential)), objects_(std::move(objects)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create(const std::string& common_name) {
  const openssl::Key key(EVP_EC_gen("P-256"));
  const openssl::Certificate certificate(X509_new());
  X509* const x509 = certificate.get();
  const bool made = key != nullptr && x509 != nullptr &&
                    Begin(x509, key.get(), common_name, std::chrono::seconds(-60), kCaValid) &&
                    X509_set_issuer_name(x509, X509_get_subject_name(x509)) == 1 &&
                    AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    AddExtension(x509, x509, NID_subject_key_identifier, "hash") &&
                    X509_sign(x509, key.get(), EVP_sha256()) > 0;
  if (!made) return Failed("make a certificate authority");
  return Load(PemOf(x509, key.get()));
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Load(Credential credential) {
  auto objects = std::make_unique<Objects>();
  const openssl::Bio certificate = openssl::ReaderOf(credential.certificate);
  const openssl::Bio key = openssl::ReaderOf(credential.key);
  objects->certificate.reset(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  objects->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  const bool match = objects->certificate != nullptr && objects->key != nullptr &&
                     X509_check_private_key(objects->certificate.get(), objects->key.get()) == 1;
  ERR_clear_error();
  if (!match) return absl::InvalidArgumentError("not a CA's certificate and its key");
  return CertificateAuthority(std::move(credential), std::move(objects));
}

absl::StatusOr<Credential> CertificateAuthority::Issue(const Request& request) const {
  std::string names;
  for (const std::string& name : request.names) {
    SF_RETURN_IF_ERROR(CheckName(name));
    names += (names.empty() ? "" : ",") + name;
  }
  const openssl::Key key(EVP_EC_gen("P-256"));
  const openssl::Certificate certificate(X509_new());
  X509* const x509 = certificate.get();
  X509* const issuer = objects_->certificate.get();
  const bool made =
      key != nullptr && x509 != nullptr &&
      Begin(x509, key.get(), request.common_name, request.valid_from - std::chrono::seconds(60),
            request.valid_from + request.valid_for) &&
      X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1 &&
      AddExtension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      AddExtension(x509, issuer, NID_key_usage, "critical,digitalSignature") &&
      AddExtension(x509, issuer, NID_ext_key_usage,
                   request.for_servers ? "serverAuth" : "clientAuth") &&
      AddExtension(x509, issuer, NID_authority_key_identifier, "keyid:always") &&
      (names.empty() || AddExtension(x509, issuer, NID_subject_alt_name, names)) &&
      X509_sign(x509, objects_->key.get(), EVP_sha256()) > 0;
  if (!made) return Failed(fmt::format("make a certificate for {}", request.common_name));
  return PemOf(x509, key.get());
}

absl::StatusOr<std::string> CertificateAuthority::Revoke(
    const std::string& list, const std::vector<std::string>& certificates) const {
  const openssl::Bio reader = openssl::ReaderOf(list);
  openssl::Crl crl(list.empty() ? X509_CRL_new()
                                : PEM_read_bio_X509_CRL(reader.get(), nullptr, nullptr, nullptr));
  const Time now(ASN1_TIME_adj(nullptr, std::time(nullptr), 0, -60));
  const Time next(
      ASN1_TIME_adj(nullptr, std::time(nullptr), 0, static_cast<long>(kListValid.count())));
  bool made = crl != nullptr && now != nullptr && next != nullptr &&
              X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl.get(),
                                       X509_get_subject_name(objects_->certificate.get())) == 1 &&
              X509_CRL_set1_lastUpdate(crl.get(), now.get()) == 1 &&
              X509_CRL_set1_nextUpdate(crl.get(), next.get()) == 1;
  for (const std::string& pem : certificates) {
    const openssl::Bio certificate_reader = openssl::ReaderOf(pem);
    const openssl::Certificate certificate(
        PEM_read_bio_X509(certificate_reader.get(), nullptr, nullptr, nullptr));
    Revoked revoked(X509_REVOKED_new());
    made = made && certificate != nullptr && revoked != nullptr &&
           X509_REVOKED_set_serialNumber(revoked.get(), X509_get_serialNumber(certificate.get())) ==
               1 &&
           X509_REVOKED_set_revocationDate(revoked.get(), now.get()) == 1 &&
           X509_CRL_add0_revoked(crl.get(), revoked.get()) == 1;
    if (!made) break;
    static_cast<void>(revoked.release());  // the list has it
  }
  made = made && X509_CRL_sort(crl.get()) == 1 &&
         X509_CRL_sign(crl.get(), objects_->key.get(), EVP_sha256()) > 0;
  if (!made) return Failed("make a revocation list");
  return PemOf([&](BIO* bio) { PEM_write_bio_X509_CRL(bio, crl.get()); });
}

}  // namespace stillframe
