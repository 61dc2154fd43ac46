#include "guest/backends/xen_backend.h"

#include "guest/xen/xen_hypervisor.h"
#include "guest/xen/xen_resumer.h"

namespace stillframe {

std::unique_ptr<Hypervisor> MakeXenHypervisor() { return std::make_unique<XenHypervisor>(); }

void AddXenResumer(std::vector<std::unique_ptr<GuestResumer>>& resumers) {
  resumers.push_back(std::make_unique<XenResumer>());
}

}  // namespace stillframe
