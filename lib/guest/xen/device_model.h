// The device model of an HVM domain: a QEMU that emulates its devices.
//
// Owned by the guest's thread. What it writes into the guest by DMA is in Xen's dirty log only
// while its own log is on (qapi/migration.json, xen-set-global-dirty-log); so libxl does when it
// migrates a domain.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace stillframe {

class DeviceModel {
 public:
  explicit DeviceModel(std::uint32_t domid) : domid_(domid) {}

  // Over the monitor that libxl leaves in dom0; waits a second at the most. NOT_FOUND: there is
  // none, as with a device model in a stub domain. Others hold the monitor: DEADLINE_EXCEEDED.
  absl::Status LogDirty(bool on);

 private:
  const std::uint32_t domid_;
};

}  // namespace stillframe
