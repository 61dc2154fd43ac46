#include "guest/xen/vcpu_fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "guest/xen/xen_control.h"

namespace stillframe {
namespace {

// How Xen refuses a vCPU that is offline or was never brought up.
bool MeansOffline(int errno_value) {
  return errno_value == ENOENT || errno_value == ENODATA || errno_value == EINVAL;
}

}  // namespace

void VcpuFetch::Prepare(const Domain& domain) {
  translated_ = domain.translated;
  online_.assign(domain.vcpus_created, false);
  hvm_.resize(translated_ ? domain.vcpus_created : 0);
  pv_.resize(translated_ ? 0 : domain.vcpus_created);
}

absl::Status VcpuFetch::Fetch(xc_interface* control, const Domain& domain) {
  for (std::size_t i = 0; i < online_.size(); ++i) {
    const auto vcpu = static_cast<std::uint32_t>(i);
    const int failed = translated_ ? xc_domain_hvm_getcontext_partial(
                                         control, domain.domid, HVM_SAVE_CODE(CPU),
                                         static_cast<std::uint16_t>(vcpu), &hvm_[i], sizeof hvm_[i])
                                   : xc_vcpu_getcontext(control, domain.domid, vcpu, &pv_[i]);
    online_[i] = failed == 0;
    if (failed == 0 || MeansOffline(errno)) continue;
    return XenStatus(errno, "read registers");
  }
  const auto found = std::count(online_.begin(), online_.end(), true);
  if (found >= domain.vcpus_online) return absl::OkStatus();
  return absl::AbortedError("vCPUs were plugged since the last Refresh");
}

std::vector<VcpuState> VcpuFetch::Decode() const {
  std::vector<VcpuState> states;
  for (std::size_t i = 0; i < online_.size(); ++i) {
    if (!online_[i]) continue;
    const auto index = static_cast<std::uint32_t>(i);
    states.push_back(translated_ ? DecodeHvmCpu(index, hvm_[i])
                                 : DecodePvContext(index, pv_[i].x64));
  }
  return states;
}

}  // namespace stillframe
