#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/status.h"
#include "commands/commands.h"
#include "pki/pki_directory.h"
#include "render/json.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr char kGatewayText[] = R"(
For the gateway, in gateway.toml (its key must be readable by the gateway alone):
  [gateway]
  listen = ["unix:/run/stillframe/gateway.sock", "0.0.0.0:50051"]
  policy = "/etc/stillframe/policy.toml"
  [tls]
  certificate = "{0}"
  key = "{1}"
  client_ca = "{2}"
  crl = "{3}"
)";

constexpr char kClientText[] = R"(
For {0}, in policy.toml:
  [[grant]]
  principals = ["{1}"]
  guests = ["*"]
  rights = ["list", "read"]
and as a client:
  stillframe guests --target HOST:50051 --cacert {2} --cert {3} --key {4}
)";

std::string PrincipalOf(const std::string& identity) {
  return identity.starts_with("spiffe://") ? identity : "dns:" + identity;
}

}  // namespace

absl::Status RunPki(const Arguments& arguments) {
  const PkiArguments& wanted = arguments.pki;
  std::error_code ignored;
  const std::string path = std::filesystem::absolute(wanted.directory, ignored).lexically_normal();
  SF_ASSIGN_OR_RETURN(const PkiDirectory directory, PkiDirectory::Open(path));
  Json json = {{"directory", path}, {"clients", Json::array()}};
  std::string text = fmt::format("certificates are in {}\n", Printable(path));
  if (!wanted.hosts.empty()) {
    SF_RETURN_IF_ERROR(directory.IssueGateway(wanted.hosts));
    text += fmt::format(kGatewayText, directory.PathOf("gateway.pem"),
                        directory.PathOf("gateway-key.pem"), directory.PathOf("ca.pem"),
                        directory.PathOf("crl.pem"));
  }
  for (const std::string& identity : wanted.clients) {
    SF_ASSIGN_OR_RETURN(const std::string name, directory.IssueClient(identity));
    const std::string certificate = directory.PathOf(name + ".pem");
    const std::string key = directory.PathOf(name + "-key.pem");
    text += fmt::format(kClientText, name, PrincipalOf(identity), directory.PathOf("ca.pem"),
                        certificate, key);
    json["clients"].push_back(
        {{"principal", PrincipalOf(identity)}, {"certificate", certificate}, {"key", key}});
  }
  for (const std::string& name : wanted.revoke) {
    SF_RETURN_IF_ERROR(directory.Revoke(name));
    text += fmt::format("{} is revoked: give the gateway the new {}\n", name,
                        directory.PathOf("crl.pem"));
  }
  return Print(arguments.output == Output::kJson ? JsonDocument(json) : text);
}

}  // namespace stillframe::cli
