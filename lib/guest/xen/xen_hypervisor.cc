#include "guest/xen/xen_hypervisor.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "base/status.h"
#include "guest/xen/domain.h"
#include "guest/xen/xen_guest.h"

namespace stillframe {
namespace {

absl::Status ReadableStatus(const Domain& domain) {
  if (domain.never_ran) return absl::UnavailableError("the toolstack still builds the guest");
  return absl::OkStatus();
}

GuestIdentity IdentityOf(const Domain& domain, XenStore& store) {
  return {domain.id, store.DomainName(domain.domid).value_or(domain.id.ToString()), Backend::kXen};
}

}  // namespace

absl::Status XenHypervisor::Connect() {
  if (control_ != nullptr) return absl::OkStatus();
  SF_ASSIGN_OR_RETURN(control_, XenControl::Open());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<GuestListing>> XenHypervisor::List() {
  SF_RETURN_IF_ERROR(Connect());
  store_.WatchDomains();  // before looking: what happens from now on is told
  SF_ASSIGN_OR_RETURN(const std::vector<Domain> domains, ReadDomains(control_->get()));
  std::vector<GuestListing> listings;
  std::set<GuestId> listed;
  for (const Domain& any : domains) {
    if (any.service || any.id.is_nil() || listed.contains(any.id)) continue;
    const std::optional<Domain> domain = FindLiving(domains, any.id);
    if (!domain.has_value()) continue;
    listed.insert(any.id);
    listings.push_back({IdentityOf(*domain, store_), domain->state, ReadableStatus(*domain)});
  }
  return listings;
}

absl::StatusOr<std::unique_ptr<Guest>> XenHypervisor::Open(const GuestId& id) {
  SF_RETURN_IF_ERROR(Connect());
  SF_ASSIGN_OR_RETURN(const std::vector<Domain> domains, ReadDomains(control_->get()));
  const std::optional<Domain> domain = FindLiving(domains, id);
  if (!domain.has_value() || domain->service || id.is_nil()) {
    return absl::NotFoundError(fmt::format("no Xen guest has UUID {}", id.ToString()));
  }
  SF_RETURN_IF_ERROR(ReadableStatus(*domain));
  return XenGuest::Open(IdentityOf(*domain, store_), domain->domid);
}

}  // namespace stillframe
