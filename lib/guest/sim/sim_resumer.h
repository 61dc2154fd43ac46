// Resumes simulated guests for a daemon that cannot: used by the guardian and at recovery.
//
// Thread-compatible.
#pragma once

#include "guest/hypervisor.h"

namespace stillframe {

class SimResumer final : public GuestResumer {
 public:
  Backend backend() const override { return Backend::kSim; }
  absl::Status Resume(const ResumeTicket& ticket, int fd) override;
};

}  // namespace stillframe
