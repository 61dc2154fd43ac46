#include "gateway/identity/caller_directory.h"

#include <grpc/grpc_security_constants.h>

#include <utility>

#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

std::string PropertyOf(const grpc::AuthContext& context, const char* name) {
  const auto values = context.FindPropertyValues(name);
  return values.empty() ? std::string() : std::string(values[0].data(), values[0].size());
}

}  // namespace

absl::Status CallerDirectory::Identify(const grpc::CallbackServerContext& call,
                                       Caller& caller) const {
  caller.peer = call.peer();
  if (auto found = unix_peers_.Find(caller.peer); found.ok()) {
    caller = *std::move(found);
    return absl::OkStatus();
  }
  if (certificates_ == nullptr) {
    caller.principal = Principal::Anonymous();
    return absl::OkStatus();
  }
  const auto context = call.auth_context();
  if (context != nullptr) {
    // The leaf is not the first of gRPC's chain.
    caller.certificate_chain = PropertyOf(*context, GRPC_X509_PEM_CERT_PROPERTY_NAME) +
                               PropertyOf(*context, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME);
  }
  if (caller.certificate_chain.empty()) return IdentityInvalid("no client certificate was shown");
  SF_ASSIGN_OR_RETURN(caller.principal,
                      certificates_->clients().Identify(caller.certificate_chain));
  return absl::OkStatus();
}

absl::Status CallerDirectory::Check(const Caller& caller) const {
  if (caller.certificate_chain.empty()) return absl::OkStatus();
  return certificates_->clients().Identify(caller.certificate_chain).status();
}

}  // namespace stillframe
