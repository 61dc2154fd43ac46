// What the daemon's pause guards share: the ledger, the guardian's kick, and who is registered.
//
// Thread-safe. Outlives the guardian's deaths; each new one is told of all registrations.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "guardian/pause_ledger.h"

namespace stillframe {

class GuardianLink {
 public:
  GuardianLink(PauseLedger ledger, UniqueFd kick)
      : ledger_(std::move(ledger)), kick_(std::move(kick)) {}

  PauseLedger& ledger() { return ledger_; }
  int kick_fd() const { return kick_.get(); }

  // Makes the guardian look at the ledger. Does not block.
  void Kick();

  // Whether a guardian watches the ledger now.
  bool guarded() const { return guarded_.load(std::memory_order_acquire); }

  // A free slot with `ticket` in it. `fd` (-1: none) is copied. RESOURCE_EXHAUSTED: all are taken.
  absl::StatusOr<std::size_t> Register(const ResumeTicket& ticket, int fd) ABSL_LOCKS_EXCLUDED(mu_);

  // FAILED_PRECONDITION while the slot's pause is not over.
  absl::Status Update(std::size_t index, const ResumeTicket& ticket, int fd)
      ABSL_LOCKS_EXCLUDED(mu_);

  // A pause that is not over stays with the guardian; the slot is used again only after it.
  void Unregister(std::size_t index) ABSL_LOCKS_EXCLUDED(mu_);

  // A guardian is ready at the other end of `control`, which is borrowed until Disconnect.
  absl::Status Connect(int control) ABSL_LOCKS_EXCLUDED(mu_);
  void Disconnect() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Registration {
    bool used = false;
    std::uint32_t connection = 0;
    UniqueFd fd;
  };

  absl::Status Tell(std::size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  PauseLedger ledger_;
  const UniqueFd kick_;
  std::atomic<bool> guarded_{false};
  Mutex mu_;
  int control_ ABSL_GUARDED_BY(mu_) = -1;
  std::array<Registration, PauseLedger::kSlots> registrations_ ABSL_GUARDED_BY(mu_);
};

}  // namespace stillframe
