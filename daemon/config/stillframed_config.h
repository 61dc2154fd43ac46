// What /etc/stillframe/stillframed.toml says.
//
// The initializers are the defaults; DescribeStillframedConfig() holds ranges and meanings.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "config/guest_policy.h"
#include "config/schema.h"
#include "guest/backends/backends.h"

namespace stillframe {

struct DaemonSettings {
  std::string socket = "/run/stillframe/stillframed.sock";
  std::uint32_t socket_mode = 0660;
  std::string socket_group = "stillframe";  // empty: the daemon's own group
  std::string ledger = "/run/stillframe/pauses";
  LogLevel log_level = LogLevel::kInfo;
  std::uint64_t arena_bytes_max = 0;  // over all guests; 0: half of the host's RAM
  std::uint64_t captures_parallel_max = 1;
  std::uint64_t discovery_period_ms = 1000;
  std::uint64_t connections_max = 64;
  std::uint64_t pins_per_connection_max = 256;
  std::uint64_t pin_ttl_ms_max = 600'000;
  std::uint64_t pin_age_ms_max = 3'600'000;
  bool arena_lock = false;
  bool arena_wipe = false;
};

struct BackendSettings {
  std::vector<std::string> qemu_qmp_globs = {"/run/qemu/*.qmp", "/run/libvirt/qemu/*.qmp"};
  QemuMsrs qemu_msrs = QemuMsrs::kOnce;
  XenUse xen = XenUse::kAuto;
  std::string sim_directory;  // empty: simulated guests are off
};

struct StillframedConfig {
  DaemonSettings daemon;
  BackendSettings backends;
  GuestPolicies guests;
};

// `file_name` appears in errors. INVALID_ARGUMENT: one line, "FILE:LINE: KEY: what and why".
absl::StatusOr<StillframedConfig> ParseStillframedConfig(std::string_view text,
                                                         std::string_view file_name);

// As above, from a file; also NOT_FOUND or PERMISSION_DENIED when it cannot be read.
absl::StatusOr<StillframedConfig> LoadStillframedConfig(const std::string& path);

// Every key, bound to `config` and, for [[guest]], to `rule`; both must outlive the result.
Schema DescribeStillframedConfig(StillframedConfig& config, GuestRule& rule);

}  // namespace stillframe
