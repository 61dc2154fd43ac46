// The emulated machine with Xen and dom0 that the ctest fixture `xen_lab` keeps running while its
// tests run. What it is made of: tests/xen/lab.sh.
//
// Thread-safe; calls block.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stillframe::xen_lab {

struct Ran {
  int status = 0;      // as of the shell; 124: it took too long and was killed
  std::string output;  // stdout and stderr
};

// OK, or why there is no lab: its packages could not be fetched. Tests skip then.
absl::Status Available();

// Runs a shell command in dom0. UNAVAILABLE: dom0 does not answer.
absl::StatusOr<Ran> Run(const std::string& command,
                        std::chrono::seconds timeout = std::chrono::seconds(120));

// The same; what it wrote. INTERNAL with that when its status is not 0.
absl::StatusOr<std::string> Succeed(const std::string& command,
                                    std::chrono::seconds timeout = std::chrono::seconds(120));

// Starts the guest of tests/xen/guests/NAME.cfg and waits for its workload; its domain id. Creation
// that fails is tried again a bounded number of times, told on stderr.
absl::StatusOr<std::string> CreateGuest(const std::string& name);

// Where the host reaches the gateway that dom0 runs at 127.0.0.1:7443.
absl::StatusOr<std::string> GatewayTarget();

}  // namespace stillframe::xen_lab
