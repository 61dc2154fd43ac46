// Drops the daemon's pause of a Xen guest, through a privcmd handle of its own.
//
// Owned by one thread of the guardian or of recovery. Xen counts pauses without owners: a resume
// that comes twice takes an operator's pause, which began in between, with it.
#pragma once

#include <memory>

#include "guest/hypervisor.h"
#include "guest/xen/xen_control.h"

namespace stillframe {

class XenResumer final : public GuestResumer {
 public:
  // Connects to Xen where there is one, so that a resume need not wait for it.
  XenResumer();

  Backend backend() const override { return Backend::kXen; }
  absl::Status Resume(const ResumeTicket& ticket, int fd) override;

 private:
  std::shared_ptr<XenControl> control_;
};

}  // namespace stillframe
