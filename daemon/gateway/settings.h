// What the gateway is told on its command line and in its files.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "config/gateway_config.h"
#include "gateway/options.h"

namespace stillframe {

inline constexpr char kGatewayConfigPath[] = "/etc/stillframe/gateway.toml";

struct GatewayCommandLine {
  std::string config_path;  // empty: kGatewayConfigPath, if there
  std::vector<std::string> listen;
  std::string daemon_socket;
  bool allow_privileges = false;
  std::string policy;
};

// The file, and what the command line puts over it.
absl::StatusOr<GatewayConfig> LoadSettings(const GatewayCommandLine& command_line);

// Reads the policy too. Errors name the file or the address.
absl::StatusOr<GatewayOptions> MakeOptions(const GatewayConfig& config);

// The policy that `config` names, or what holds without one.
absl::StatusOr<AccessPolicy> LoadPolicy(const GatewayConfig& config);

}  // namespace stillframe
