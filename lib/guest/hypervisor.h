// Finds and opens the guests of one backend.
//
// Thread-compatible: the supervisor's thread lists and opens; guests live on their own threads.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/guest.h"

namespace stillframe {

struct GuestListing {
  GuestIdentity identity;
  RunState state = RunState::kRunning;

  // OK, or why this guest cannot be captured and what to change so that it can be.
  absl::Status readable;
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  virtual Backend backend() const = 0;

  // Every guest that is there now. Cheap: called every second or so.
  virtual absl::StatusOr<std::vector<GuestListing>> List() = 0;

  // Readable when guests came or went since the last List, so that it is worth calling now; -1: the
  // backend does not tell. Borrowed, valid until the next List.
  virtual int change_fd() const { return -1; }

  // NOT_FOUND: no such guest now. FAILED_PRECONDITION: it is there, but cannot be read; the
  // message says what to change.
  virtual absl::StatusOr<std::unique_ptr<Guest>> Open(const GuestId& id) = 0;
};

// Resumes guests on behalf of a daemon that cannot: runs in the guardian and at recovery.
class GuestResumer {
 public:
  virtual ~GuestResumer() = default;

  virtual Backend backend() const = 0;

  // Drops the daemon's pause of the guest that `ticket` names; OK also when it runs already.
  // `fd` is the guest's resume_fd(), or -1: then connect anew by the ticket's address. NOT_FOUND:
  // that guest is gone. Must not take longer than a second.
  virtual absl::Status Resume(const ResumeTicket& ticket, int fd) = 0;
};

}  // namespace stillframe
