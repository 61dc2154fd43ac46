#include "guest/xen/xen_resumer.h"

#include <fmt/format.h>

#include <cerrno>

#include "base/status.h"
#include "guest/xen/domain.h"

namespace stillframe {

XenResumer::XenResumer() {
  if (auto control = XenControl::Open(); control.ok()) control_ = *std::move(control);
}

absl::Status XenResumer::Resume(const ResumeTicket& ticket, int fd) {
  static_cast<void>(fd);
  const std::string attempt = fmt::format("resume Xen guest {}", ticket.guest.ToString());
  if (ticket.backend != Backend::kXen || ticket.instance >= DOMID_FIRST_RESERVED) {
    return absl::InvalidArgumentError(attempt + ": its ticket names no Xen domain");
  }
  if (control_ == nullptr) {
    SF_ASSIGN_OR_RETURN(control_, XenControl::Open());
  }
  const auto domid = static_cast<std::uint32_t>(ticket.instance);
  const absl::StatusOr<Domain> domain = ReadDomain(control_->get(), domid);
  if (!domain.ok()) return Annotate(domain.status(), attempt);
  if (domid == 0 || domain->id != ticket.guest || domain->dying) {
    return absl::NotFoundError(fmt::format("{}: domain {} is not that guest", attempt, domid));
  }
  if (ticket.Address().empty()) return absl::OkStatus();  // stands for others' reasons
  // EINVAL: nobody's pause is there to drop, it runs already.
  if (xc_domain_unpause(control_->get(), domid) == 0 || errno == EINVAL) {
    return absl::OkStatus();
  }
  return XenStatus(errno, attempt);
}

}  // namespace stillframe
