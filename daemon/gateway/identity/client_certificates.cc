#include "gateway/identity/client_certificates.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <ctime>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/openssl_objects.h"
#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::size_t kVerdictsMax = 4096;
constexpr int kChainMax = 8;
constexpr std::size_t kNameBytesMax = 2048;  // SPIFFE IDs are at most that long
// CRLs and certificates are judged anew that often, so that what expires is noticed.
constexpr std::uint64_t kVerdictNs = 60 * kNsPerS;

std::string TextOf(const ASN1_IA5STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         name.find_first_of(std::string("\0\r\n \"", 5)) == std::string::npos;
}

// The SPIFFE URI if there is one, else the first DNS name; empty: neither.
std::string NameIn(const X509* certificate) {
  const openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> uris;
  std::string dns;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) {
      uris.push_back(TextOf(name->d.uniformResourceIdentifier));
    } else if (name->type == GEN_DNS && dns.empty()) {
      dns = TextOf(name->d.dNSName);
      if (!IsName(dns)) return {};
    }
  }
  std::erase_if(uris, [](const std::string& uri) { return !uri.starts_with("spiffe://"); });
  // X.509-SVID: two SPIFFE IDs make none.
  if (uris.size() > 1 || (uris.size() == 1 && !IsName(uris[0]))) return {};
  if (uris.size() == 1) return uris[0];
  return dns.empty() ? dns : "dns:" + dns;
}

std::uint64_t WallNsOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  const std::time_t seconds = timegm(&parts);
  return seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds) * kNsPerS;
}

}  // namespace

struct ClientCertificates::Store {
  openssl::Store x509{X509_STORE_new()};
};

absl::Status ClientCertificates::Trust(const std::string& ca, const std::string& crl) {
  auto store = std::make_shared<Store>();
  if (store->x509 == nullptr) return absl::ResourceExhaustedError("OpenSSL is out of memory");
  int certificates = 0;
  const openssl::Bio ca_reader = openssl::ReaderOf(ca);
  while (const openssl::Certificate certificate{
      PEM_read_bio_X509(ca_reader.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(store->x509.get(), certificate.get());
    ++certificates;
  }
  if (certificates == 0) return absl::InvalidArgumentError("client_ca has no certificate in it");
  if (!crl.empty()) {
    int lists = 0;
    const openssl::Bio crl_reader = openssl::ReaderOf(crl);
    while (const openssl::Crl list{
        PEM_read_bio_X509_CRL(crl_reader.get(), nullptr, nullptr, nullptr)}) {
      X509_STORE_add_crl(store->x509.get(), list.get());
      ++lists;
    }
    if (lists == 0) return absl::InvalidArgumentError("crl has no revocation list in it");
    X509_STORE_set_flags(store->x509.get(), X509_V_FLAG_CRL_CHECK);
  }
  ERR_clear_error();  // the end of a PEM text counts as one
  {
    MutexLock lock(mu_);
    store_ = std::move(store);
    verdicts_.clear();
  }
  version_.fetch_add(1, std::memory_order_release);
  return absl::OkStatus();
}

ClientCertificates::Verdict ClientCertificates::Judge(const std::string& chain) const {
  const std::uint64_t now_ns = clock_.WallNs();
  const auto refuse = [now_ns](std::string_view why) {
    return Verdict{IdentityInvalid(fmt::format("client certificate: {}", why)),
                   now_ns + kVerdictNs};
  };
  const openssl::Bio reader = openssl::ReaderOf(chain);
  const openssl::Certificate leaf(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || store_ == nullptr) return refuse("cannot be read");
  const openssl::CertificateStack others(sk_X509_new_null());
  for (int i = 0; i < kChainMax; ++i) {
    openssl::Certificate other(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (other == nullptr) break;
    if (sk_X509_push(others.get(), other.get()) > 0) static_cast<void>(other.release());
  }
  ERR_clear_error();
  const openssl::StoreContext context(X509_STORE_CTX_new());
  if (context == nullptr ||
      X509_STORE_CTX_init(context.get(), store_->x509.get(), leaf.get(), others.get()) != 1) {
    return refuse("OpenSSL is out of memory");
  }
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(now_ns / kNsPerS));
  if (X509_verify_cert(context.get()) != 1) {
    const int error = X509_STORE_CTX_get_error(context.get());
    return refuse(X509_verify_cert_error_string(error));
  }
  std::string name = NameIn(leaf.get());
  if (name.empty()) {
    return refuse("its subject alternative name is neither one SPIFFE URI nor a DNS name");
  }
  const std::uint64_t expires_ns = WallNsOf(X509_get0_notAfter(leaf.get()));
  return Verdict{Principal{std::move(name), {}}, std::min(expires_ns, now_ns + kVerdictNs)};
}

absl::StatusOr<Principal> ClientCertificates::Identify(const std::string& chain) {
  const std::uint64_t now_ns = clock_.WallNs();
  MutexLock lock(mu_);
  const auto found = verdicts_.find(chain);
  if (found != verdicts_.end() && now_ns < found->second.until_wall_ns) {
    return found->second.principal;
  }
  if (verdicts_.size() >= kVerdictsMax) verdicts_.clear();
  return verdicts_.insert_or_assign(chain, Judge(chain)).first->second.principal;
}

}  // namespace stillframe
