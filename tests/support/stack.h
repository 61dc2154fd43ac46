// The product as users run it: stillframed and stillframe-gateway as processes in a directory of
// their own, and a connection to them.
//
// Owned by one thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stillframe/connection.h"
#include "support/child_process.h"
#include "support/temp_directory.h"

namespace stillframe {

struct StackSetup {
  std::string backends;  // lines of [backends]
  std::string defaults;  // lines of [defaults]
  std::string more;      // anything else of stillframed.toml
  std::string gateway;   // sections of gateway.toml besides [gateway]
};

class Stack {
 public:
  // Starts both daemons and waits until they serve.
  static absl::StatusOr<std::unique_ptr<Stack>> Start(const StackSetup& setup);

  absl::Status StartDaemon();
  absl::Status StartGateway();
  ChildProcess& daemon() { return *daemon_; }
  ChildProcess& gateway() { return *gateway_; }

  std::string directory() const { return directory_.path(); }
  std::string gateway_target() const { return "unix:" + directory_.path() + "/gateway.sock"; }
  std::string local_target() const { return "local:" + directory_.path() + "/stillframed.sock"; }

  // Over gRPC through the gateway.
  Connection& remote() { return *remote_; }

  // Waits until `guest` has a snapshot of another epoch than `previous`, and returns its epoch.
  absl::StatusOr<std::string> AwaitEpochAfter(const std::string& guest,
                                              const std::string& previous);

 private:
  Stack() = default;

  TempDirectory directory_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<ChildProcess> gateway_;
  std::unique_ptr<Connection> remote_;
};

}  // namespace stillframe
