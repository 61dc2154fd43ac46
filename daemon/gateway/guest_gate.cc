#include "gateway/guest_gate.h"

#include <utility>

#include "base/status.h"
#include "gateway/refusal.h"

namespace stillframe {

absl::Status GuestGate::Enter(const Principal& principal) const {
  return policies_.Get()->GrantsAnything(principal) ? absl::OkStatus()
                                                    : NothingGranted(principal.name);
}

absl::StatusOr<std::vector<v1::Guest>> GuestGate::ListGuests(const Principal& principal) const {
  const auto policy = policies_.Get();
  SF_ASSIGN_OR_RETURN(std::vector<v1::Guest> guests, link_.ListGuests());
  std::erase_if(guests, [&](const v1::Guest& guest) {
    return !policy->RightsOn(principal, guest.name(), guest.uuid()).Has(Right::kList);
  });
  return guests;
}

absl::StatusOr<v1::Guest> GuestGate::GetGuest(const Principal& principal,
                                              const std::string& guest) const {
  SF_ASSIGN_OR_RETURN(std::vector<v1::Guest> guests, ListGuests(principal));
  return FindGuest(std::move(guests), guest);
}

bool GuestGate::Has(const Principal& principal, const std::string& guest_name,
                    const std::string& guest_uuid, Right right) const {
  return policies_.Get()->RightsOn(principal, guest_name, guest_uuid).Has(right);
}

absl::Status GuestGate::Check(const Principal& principal, const std::string& guest_name,
                              const std::string& guest_uuid, Right right) const {
  const Rights rights = policies_.Get()->RightsOn(principal, guest_name, guest_uuid);
  if (rights.Has(right)) return absl::OkStatus();
  if (!rights.Has(Right::kList)) return GuestNotFound(guest_name);
  return RightMissing(principal.name, NameOf(right), guest_name);
}

absl::StatusOr<std::string> GuestGate::Authorize(const Principal& principal,
                                                 const std::string& guest, Right right) const {
  // Then no look at the guests is needed, and names mean what they mean to the daemon.
  if (policies_.Get()->RightsOnEveryGuest(principal).Has(right)) return guest;
  SF_ASSIGN_OR_RETURN(const v1::Guest found, GetGuest(principal, guest));
  SF_RETURN_IF_ERROR(Check(principal, found.name(), found.uuid(), right));
  return found.uuid();
}

absl::StatusOr<std::shared_ptr<PinnedSnapshot>> GuestGate::Pin(const Principal& principal,
                                                               const v1::SnapshotSelector& selector,
                                                               Right right) const {
  // What is held already is served even while the daemon is away.
  if (auto held = link_.FindHeld(selector)) {
    const v1::Snapshot& metadata = held->metadata();
    if (Has(principal, metadata.guest_name(), metadata.guest_uuid(), right)) return held;
  }
  v1::SnapshotSelector authorized = selector;
  SF_ASSIGN_OR_RETURN(*authorized.mutable_guest(), Authorize(principal, selector.guest(), right));
  SF_ASSIGN_OR_RETURN(auto snapshot, link_.Pin(authorized));
  // A guest may have been renamed, and the name given to another one, in between.
  const v1::Snapshot& metadata = snapshot->metadata();
  SF_RETURN_IF_ERROR(Check(principal, metadata.guest_name(), metadata.guest_uuid(), right));
  return snapshot;
}

}  // namespace stillframe
