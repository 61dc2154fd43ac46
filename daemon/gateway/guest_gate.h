// The guests as one principal may see them: every call to the daemon that names a guest goes
// through here.
//
// Thread-safe. What a principal may not list does not exist for it: errors are those of guests
// that are not there.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "access/policy_board.h"
#include "gateway/daemon_link.h"

namespace stillframe {

class GuestGate {
 public:
  GuestGate(const PolicyBoard& policies, DaemonLink& link) : policies_(policies), link_(link) {}

  // PERMISSION_DENIED (NOTHING_GRANTED): no grant names the principal.
  absl::Status Enter(const Principal& principal) const;

  // Whether no guest is hidden from it, whichever there are.
  bool SeesEveryGuest(const Principal& principal) const {
    return policies_.Get()->RightsOnEveryGuest(principal).Has(Right::kList);
  }

  // By name then UUID.
  absl::StatusOr<std::vector<v1::Guest>> ListGuests(const Principal& principal) const;

  // NOT_FOUND (GUEST_NOT_FOUND), INVALID_ARGUMENT (GUEST_NAME_AMBIGUOUS).
  absl::StatusOr<v1::Guest> GetGuest(const Principal& principal, const std::string& guest) const;

  // What to call the guest towards the daemon: a name means the same guest to both. Errors as
  // GetGuest; PERMISSION_DENIED (RIGHT_MISSING): it may be listed, but no more.
  absl::StatusOr<std::string> Authorize(const Principal& principal, const std::string& guest,
                                        Right right) const;

  // Whether `right` still holds on a guest that was found; errors as Authorize.
  absl::Status Check(const Principal& principal, const std::string& guest_name,
                     const std::string& guest_uuid, Right right) const;

  bool Has(const Principal& principal, const std::string& guest_name, const std::string& guest_uuid,
           Right right) const;

  // DaemonLink::Pin of what the principal has `right` on.
  absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Pin(const Principal& principal,
                                                      const v1::SnapshotSelector& selector,
                                                      Right right) const;

  std::uint64_t policy_version() const { return policies_.version(); }
  PrincipalLimits LimitsOf(const Principal& principal) const {
    return policies_.Get()->LimitsOf(principal);
  }
  std::vector<Grant> GrantsTo(const Principal& principal) const {
    return policies_.Get()->GrantsTo(principal);
  }

 private:
  const PolicyBoard& policies_;
  DaemonLink& link_;
};

}  // namespace stillframe
