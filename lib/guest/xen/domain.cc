#include "guest/xen/domain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "guest/xen/xen_control.h"

namespace stillframe {
namespace {

constexpr std::uint32_t kVcpusMax = 8192;  // HVM_MAX_VCPUS is 128, PV's bound this
constexpr std::uint32_t kDomainsPerCall = 256;

RunState StateOf(std::uint32_t flags) {
  if ((flags & XEN_DOMINF_shutdown) != 0) {
    switch (flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) {
      case SHUTDOWN_crash:
      case SHUTDOWN_watchdog:
        return RunState::kCrashed;
      case SHUTDOWN_suspend:  // stands while it is saved or migrated
        return RunState::kPaused;
      default:
        return RunState::kShutDown;
    }
  }
  return (flags & XEN_DOMINF_paused) != 0 ? RunState::kPaused : RunState::kRunning;
}

}  // namespace

Domain DecodeDomain(const xc_domaininfo_t& raw) {
  Domain domain;
  domain.domid = raw.domain;
  std::memcpy(domain.id.bytes.data(), raw.handle, sizeof raw.handle);
  domain.translated = (raw.flags & XEN_DOMINF_hvm_guest) != 0;
  domain.emulated = (raw.arch_config.emulation_flags & ~XEN_X86_EMU_LAPIC) != 0;
  domain.dying = (raw.flags & XEN_DOMINF_dying) != 0;
  domain.paused = (raw.flags & XEN_DOMINF_paused) != 0;
  domain.service = (raw.flags & XEN_DOMINF_xs_domain) != 0;
  domain.never_ran = domain.paused && raw.cpu_time == 0;
  domain.state = StateOf(raw.flags);
  domain.pages = raw.tot_pages;
  domain.pages_max = raw.max_pages;
  domain.shared_info_frame = raw.shared_info_frame;
  domain.cpu_time_ns = raw.cpu_time;
  domain.vcpus_online = raw.nr_online_vcpus;
  if (raw.max_vcpu_id != XEN_INVALID_MAX_VCPU_ID) {
    domain.vcpus_created = std::min(raw.max_vcpu_id, kVcpusMax - 1) + 1;
  }
  return domain;
}

absl::StatusOr<Domain> ReadDomain(xc_interface* control, std::uint32_t domid) {
  xc_domaininfo_t raw{};
  // The reply is about the first domain whose id is not lower.
  const int found = xc_domain_getinfolist(control, domid, 1, &raw);
  if (found < 0) return XenStatus(errno, fmt::format("ask Xen about domain {}", domid));
  if (found == 0 || raw.domain != domid) {
    return absl::NotFoundError(fmt::format("there is no domain {}", domid));
  }
  return DecodeDomain(raw);
}

absl::StatusOr<std::vector<Domain>> ReadDomains(xc_interface* control) {
  std::vector<Domain> domains;
  std::vector<xc_domaininfo_t> raw(kDomainsPerCall);
  for (std::uint32_t first = 1; first < DOMID_FIRST_RESERVED;) {
    const int found = xc_domain_getinfolist(control, first, kDomainsPerCall, raw.data());
    if (found < 0) return XenStatus(errno, "list Xen's domains");
    for (int i = 0; i < found; ++i) domains.push_back(DecodeDomain(raw[i]));
    if (static_cast<std::uint32_t>(found) < kDomainsPerCall) break;
    first = domains.back().domid + 1;
  }
  return domains;
}

std::optional<Domain> FindLiving(const std::vector<Domain>& domains, const GuestId& id) {
  std::optional<Domain> found;
  for (const Domain& domain : domains) {
    if (domain.id != id || domain.dying) continue;
    // The newer one is still being built while the older one runs.
    if (!found.has_value() || found->never_ran) found = domain;
  }
  return found;
}

}  // namespace stillframe
