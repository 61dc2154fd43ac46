// Resumes a QEMU guest on behalf of a daemon that cannot.
//
// Runs in the guardian and at recovery. Thread-compatible.
#pragma once

#include "guest/hypervisor.h"

namespace stillframe {

class QemuResumer final : public GuestResumer {
 public:
  Backend backend() const override { return Backend::kQemu; }

  // With `fd` (a duplicate of the daemon's connection, the daemon alive or dead): writes `cont`
  // there and only peeks at replies, which stay for the daemon. DEADLINE_EXCEEDED: the request is
  // with QEMU, but nobody saw its answer in time. Without: connects, checks that the same process
  // answers, and resumes it only when it is paused.
  absl::Status Resume(const ResumeTicket& ticket, int fd) override;
};

}  // namespace stillframe
