#include "gateway/identity/client_certificates.h"

#include <gtest/gtest.h>

#include "base/reason.h"
#include "base/status.h"
#include "gateway/identity/server_certificates.h"
#include "pki/certificate_authority.h"
#include "pki/pki_directory.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

// The system's time and what a test adds to it: certificates are made by the system's.
class LaterClock final : public Clock {
 public:
  std::uint64_t MonotonicNs() const override { return Clock::System().MonotonicNs(); }
  std::uint64_t WallNs() const override {
    return Clock::System().WallNs() +
           static_cast<std::uint64_t>(std::chrono::nanoseconds(later).count());
  }
  std::chrono::hours later{0};
};

class ClientCertificatesTest : public testing::Test {
 protected:
  void Trust(const std::string& crl = {}) {
    ASSERT_TRUE(clients_.Trust(authority_.credential().certificate, crl).ok());
  }

  std::string Issue(std::vector<std::string> names, bool for_servers = false) {
    CertificateAuthority::Request request;
    request.common_name = "monitor";
    request.names = std::move(names);
    request.for_servers = for_servers;
    request.valid_for = std::chrono::hours(24);
    const auto issued = authority_.Issue(request);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return issued.ok() ? issued->certificate : "";
  }

  // The principal's name, or why there is none.
  std::string NameOf(const std::string& certificate) {
    const auto principal = clients_.Identify(certificate);
    if (principal.ok()) return principal->name;
    EXPECT_TRUE(absl::IsUnauthenticated(principal.status()));
    EXPECT_EQ(ReasonOf(principal.status()).name, "IDENTITY_INVALID");
    return MessageOf(principal.status());
  }

  LaterClock clock_;
  CertificateAuthority authority_ = *CertificateAuthority::Create("test CA");
  ClientCertificates clients_{clock_};
};

TEST_F(ClientCertificatesTest, NamesComeFromTheSpiffeUriThenTheDnsName) {
  Trust();
  EXPECT_EQ(NameOf(Issue({"DNS:mon1.example.org", "URI:spiffe://example.org/monitor/m1"})),
            "spiffe://example.org/monitor/m1");
  EXPECT_EQ(NameOf(Issue({"DNS:mon1.example.org", "DNS:mon2.example.org"})),
            "dns:mon1.example.org");
  EXPECT_EQ(NameOf(Issue({"URI:https://example.org/", "DNS:mon1.example.org"})),
            "dns:mon1.example.org");
}

TEST_F(ClientCertificatesTest, CertificatesWithoutAUsableNameAreRefused) {
  Trust();
  const std::string refusal =
      "client certificate: its subject alternative name is neither one SPIFFE URI nor a DNS name";
  EXPECT_EQ(NameOf(Issue({})), refusal);  // the common name does not count
  EXPECT_EQ(NameOf(Issue({"IP:10.0.0.1"})), refusal);
  EXPECT_EQ(NameOf(Issue({"URI:spiffe://a/1", "URI:spiffe://a/2", "DNS:mon1"})), refusal);
  EXPECT_EQ(NameOf(Issue({"URI:spiffe://a/" + std::string(4096, 'x')})), refusal);
}

TEST_F(ClientCertificatesTest, OthersCasAndServersAndGarbageAreRefused) {
  Trust();
  const auto other = CertificateAuthority::Create("test CA");
  CertificateAuthority::Request request;
  request.common_name = "monitor";
  request.names = {"DNS:mon1"};
  EXPECT_NE(NameOf(other->Issue(request)->certificate), "dns:mon1");
  EXPECT_EQ(NameOf(Issue({"DNS:host"}, true)),
            "client certificate: unsuitable certificate purpose");
  EXPECT_EQ(NameOf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "client certificate: cannot be read");
  EXPECT_EQ(NameOf(""), "client certificate: cannot be read");
}

TEST_F(ClientCertificatesTest, ExpiryAndRevocationAreSeenInCallsThatFollow) {
  Trust();
  const std::string certificate = Issue({"DNS:mon1"});
  const std::string other = Issue({"DNS:mon2"});
  EXPECT_EQ(NameOf(certificate), "dns:mon1");
  const std::uint64_t version = clients_.version();
  Trust(*authority_.Revoke("", {certificate}));
  EXPECT_GT(clients_.version(), version);
  EXPECT_EQ(NameOf(certificate), "client certificate: certificate revoked");
  EXPECT_EQ(NameOf(other), "dns:mon2");
  clock_.later = std::chrono::hours(25);
  EXPECT_EQ(NameOf(other), "client certificate: certificate has expired");
}

TEST_F(ClientCertificatesTest, ACaWithoutItsListIsRefusedWhereListsAreChecked) {
  const auto other = CertificateAuthority::Create("other CA");
  Trust(*other->Revoke("", {}));
  EXPECT_EQ(NameOf(Issue({"DNS:mon1"})), "client certificate: unable to get certificate CRL");
}

TEST_F(ClientCertificatesTest, WhatIsNoPemLeavesTheOldInForce) {
  Trust();
  const std::string certificate = Issue({"DNS:mon1"});
  EXPECT_FALSE(clients_.Trust("no PEM", "").ok());
  EXPECT_FALSE(clients_.Trust(authority_.credential().certificate, "no PEM").ok());
  EXPECT_EQ(NameOf(certificate), "dns:mon1");
}

TEST(ServerCertificatesTest, FilesThatDoNotFitAreNamedAndLeaveTheOldInForce) {
  const TempDirectory directory;
  const auto pki = PkiDirectory::Open(directory.path());
  ASSERT_TRUE(pki.ok()) << pki.status();
  ASSERT_TRUE(pki->IssueGateway({"127.0.0.1"}).ok());
  TlsSettings files;
  files.certificate = pki->PathOf("gateway.pem");
  files.key = pki->PathOf("gateway-key.pem");
  files.client_ca = pki->PathOf("ca.pem");
  files.crl = pki->PathOf("crl.pem");
  ServerCertificates certificates(files, Clock::System());
  ASSERT_TRUE(certificates.Load().ok());
  const ServerCertificates::Pem first = certificates.Get();

  std::filesystem::copy_file(pki->PathOf("ca-key.pem"), files.key,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(MessageOf(certificates.Load()),
            files.key + ": not the key of the certificate in " + files.certificate);
  EXPECT_EQ(certificates.Get().version, first.version);
  EXPECT_EQ(certificates.Get().key, first.key);

  ASSERT_TRUE(pki->IssueGateway({"localhost"}).ok());
  ASSERT_TRUE(certificates.Load().ok());
  EXPECT_GT(certificates.Get().version, first.version);
  EXPECT_NE(certificates.Get().certificate, first.certificate);
}

}  // namespace
}  // namespace stillframe
