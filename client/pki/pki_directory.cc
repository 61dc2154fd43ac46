#include "pki/pki_directory.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"

namespace stillframe {
namespace {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return ErrnoStatus(errno, fmt::format("read {}", path));
  return text.str();
}

// Appears whole or not at all.
absl::Status WriteFile(const std::string& path, const std::string& text, mode_t mode) {
  const std::string attempt = fmt::format("write {}", path);
  const std::string partial = path + ".new";
  unlink(partial.c_str());
  const UniqueFd fd(open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd.valid()) return ErrnoStatus(errno, attempt);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd.get(), text.data() + done, text.size() - done);
    if (written < 0) return ErrnoStatus(errno, attempt);
    done += static_cast<std::size_t>(written);
  }
  if (rename(partial.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, attempt);
  return absl::OkStatus();
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

bool IsAddress(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  return inet_pton(AF_INET, host.c_str(), &v4) == 1 || inet_pton(AF_INET6, host.c_str(), &v6) == 1;
}

// A file name made of the identity's last part.
absl::StatusOr<std::string> FileNameOf(const std::string& identity) {
  const std::string name = identity.substr(identity.rfind('/') + 1);
  const bool plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
      std::string::npos;
  if (name.empty() || name.front() == '.' || !plain || name == "ca" || name == "gateway") {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" names no client: write spiffe://DOMAIN/PATH or a DNS name", identity));
  }
  return name;
}

}  // namespace

absl::StatusOr<PkiDirectory> PkiDirectory::Open(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, fmt::format("make {}", path));
  }
  const std::string ca = path + "/ca.pem";
  const std::string ca_key = path + "/ca-key.pem";
  if (Exists(ca)) {
    Credential credential;
    SF_ASSIGN_OR_RETURN(credential.certificate, ReadFile(ca));
    SF_ASSIGN_OR_RETURN(credential.key, ReadFile(ca_key));
    SF_ASSIGN_OR_RETURN(auto authority, CertificateAuthority::Load(std::move(credential)));
    return PkiDirectory(path, std::move(authority));
  }
  SF_ASSIGN_OR_RETURN(auto authority, CertificateAuthority::Create("Stillframe CA"));
  PkiDirectory made(path, std::move(authority));
  SF_RETURN_IF_ERROR(made.Write("ca", made.authority_.credential()));
  SF_ASSIGN_OR_RETURN(const std::string list, made.authority_.Revoke("", {}));
  SF_RETURN_IF_ERROR(WriteFile(made.PathOf("crl.pem"), list, 0644));
  return made;
}

absl::Status PkiDirectory::Write(const std::string& name, const Credential& credential) const {
  SF_RETURN_IF_ERROR(WriteFile(PathOf(name + "-key.pem"), credential.key, 0600));
  return WriteFile(PathOf(name + ".pem"), credential.certificate, 0644);
}

absl::Status PkiDirectory::IssueGateway(const std::vector<std::string>& hosts) const {
  CertificateAuthority::Request request;
  request.common_name = "stillframe-gateway";
  request.for_servers = true;
  for (const std::string& host : hosts) {
    request.names.push_back((IsAddress(host) ? "IP:" : "DNS:") + host);
  }
  SF_ASSIGN_OR_RETURN(const Credential credential, authority_.Issue(request));
  return Write("gateway", credential);
}

absl::StatusOr<std::string> PkiDirectory::IssueClient(const std::string& identity) const {
  SF_ASSIGN_OR_RETURN(const std::string name, FileNameOf(identity));
  if (Exists(PathOf(name + ".pem"))) {
    return absl::AlreadyExistsError(
        fmt::format("{} is there already: revoke or remove it first", PathOf(name + ".pem")));
  }
  CertificateAuthority::Request request;
  request.common_name = name;
  request.names.push_back((identity.starts_with("spiffe://") ? "URI:" : "DNS:") + identity);
  SF_ASSIGN_OR_RETURN(const Credential credential, authority_.Issue(request));
  SF_RETURN_IF_ERROR(Write(name, credential));
  return name;
}

absl::Status PkiDirectory::Revoke(const std::string& name) const {
  SF_ASSIGN_OR_RETURN(const std::string plain, FileNameOf(name));
  SF_ASSIGN_OR_RETURN(const std::string certificate, ReadFile(PathOf(plain + ".pem")));
  SF_ASSIGN_OR_RETURN(const std::string list, ReadFile(PathOf("crl.pem")));
  SF_ASSIGN_OR_RETURN(const std::string longer, authority_.Revoke(list, {certificate}));
  SF_RETURN_IF_ERROR(WriteFile(PathOf("crl.pem"), longer, 0644));
  unlink(PathOf(plain + "-key.pem").c_str());
  unlink(PathOf(plain + ".pem").c_str());
  return absl::OkStatus();
}

}  // namespace stillframe
