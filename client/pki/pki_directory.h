// A directory with a certificate authority and what it issued, as files that gateway and clients
// take: ca.pem, ca-key.pem, crl.pem, gateway.pem, gateway-key.pem, and NAME.pem and NAME-key.pem
// for every client. Keys are their owner's alone (0600).
//
// Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pki/certificate_authority.h"

namespace stillframe {

class PkiDirectory {
 public:
  // Makes the directory, the authority and an empty crl.pem unless they are there.
  static absl::StatusOr<PkiDirectory> Open(const std::string& path);

  // gateway.pem for these host names and addresses; replaces an older one.
  absl::Status IssueGateway(const std::vector<std::string>& hosts) const;

  // `identity`: spiffe://DOMAIN/PATH or a DNS name. Returns NAME, its last part. ALREADY_EXISTS:
  // there is a NAME.pem; revoke or remove it first.
  absl::StatusOr<std::string> IssueClient(const std::string& identity) const;

  // Puts NAME.pem on crl.pem and removes its files. NOT_FOUND: there is none.
  absl::Status Revoke(const std::string& name) const;

  std::string PathOf(const std::string& file) const { return path_ + "/" + file; }

 private:
  PkiDirectory(std::string path, CertificateAuthority authority)
      : path_(std::move(path)), authority_(std::move(authority)) {}

  absl::Status Write(const std::string& name, const Credential& credential) const;

  std::string path_;
  CertificateAuthority authority_;
};

}  // namespace stillframe
