// Puts changed files in force while the gateway runs: policy, certificates, log level.
//
// Owned by one thread. A file with a mistake is reported, and what was in force stays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/gateway_config.h"
#include "gateway/gateway_server.h"
#include "gateway/settings.h"

namespace stillframe {

// Tells when one of some files became another one, or its bytes did.
class FileWatch {
 public:
  explicit FileWatch(std::vector<std::string> paths);

  // Whether anything changed since the last time.
  bool Changed();

 private:
  // Enough of stat(2) to tell: device, inode, size, times of change; zeros where there is nothing.
  using Look = std::vector<std::uint64_t>;
  Look LookNow() const;

  const std::vector<std::string> paths_;
  Look last_;
};

class Reloader {
 public:
  Reloader(GatewayCommandLine command_line, const GatewayConfig& config, GatewayServer& server);

  // Looks at policy and certificates. Call it every second or so.
  void Look();

  // What SIGHUP asks for: everything anew.
  void ReloadAll();

 private:
  void ReloadPolicy(const std::string& why);
  void ReloadCertificates(const std::string& why);

  const GatewayCommandLine command_line_;
  const GatewayConfig config_;
  GatewayServer& server_;
  FileWatch policy_;
  FileWatch certificates_;
};

void SetLogLevel(LogLevel level);

}  // namespace stillframe
