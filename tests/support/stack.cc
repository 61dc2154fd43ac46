#include "support/stack.h"

#include <fmt/format.h>

#include <fstream>

#include "base/status.h"
#include "support/eventually.h"

namespace stillframe {
namespace {

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file.good() ? absl::OkStatus() : absl::InternalError("write " + path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Stack>> Stack::Start(const StackSetup& setup) {
  std::unique_ptr<Stack> stack(new Stack);
  const std::string& path = stack->directory_.path();
  SF_RETURN_IF_ERROR(
      WriteFile(path + "/stillframed.toml",
                fmt::format("[daemon]\nsocket = \"{0}/stillframed.sock\"\nsocket_group = \"\"\n"
                            "ledger = \"{0}/pauses\"\ndiscovery_period_ms = 100\n"
                            "[backends]\n{1}\n[defaults]\n{2}\n{3}\n",
                            path, setup.backends, setup.defaults, setup.more)));
  SF_RETURN_IF_ERROR(WriteFile(path + "/gateway.toml",
                               fmt::format("[gateway]\ndaemon_socket = \"{0}/stillframed.sock\"\n"
                                           "listen = [\"unix:{0}/gateway.sock\"]\n{1}\n",
                                           path, setup.gateway)));
  SF_RETURN_IF_ERROR(stack->StartDaemon());
  SF_RETURN_IF_ERROR(stack->StartGateway());
  return stack;
}

absl::Status Stack::StartDaemon() {
  const std::string& path = directory_.path();
  SF_ASSIGN_OR_RETURN(
      daemon_, ChildProcess::Start({STILLFRAME_DAEMON, "--config", path + "/stillframed.toml"},
                                   path + "/stillframed.log"));
  const bool serving = Eventually([&] { return Connection::Open(local_target()).ok(); });
  return serving ? absl::OkStatus()
                 : absl::UnavailableError("stillframed does not serve: " + daemon_->Log());
}

absl::Status Stack::StartGateway() {
  const std::string& path = directory_.path();
  SF_ASSIGN_OR_RETURN(gateway_,
                      ChildProcess::Start({STILLFRAME_GATEWAY, "--config", path + "/gateway.toml"},
                                          path + "/gateway.log"));
  const bool serving = Eventually([&] {
    auto connection = Connection::Open(gateway_target());
    if (!connection.ok() || !(*connection)->ListGuests().ok()) return false;
    remote_ = *std::move(connection);
    return true;
  });
  return serving ? absl::OkStatus()
                 : absl::UnavailableError("the gateway does not serve: " + gateway_->Log());
}

absl::StatusOr<std::string> Stack::AwaitEpochAfter(const std::string& guest,
                                                   const std::string& previous) {
  std::string epoch;
  const bool there = Eventually([&] {
    const auto found = remote_->GetGuest(guest);
    if (!found.ok() || found->latest_generation() == 0) return false;
    epoch = found->epoch();
    return epoch != previous;
  });
  if (there) return epoch;
  return absl::DeadlineExceededError("no new epoch of " + guest + ": " + daemon_->Log());
}

}  // namespace stillframe
