#include "guest/backends/backends.h"

#include <utility>

#include "guest/backends/xen_backend.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "guest/qemu/qemu_resumer.h"
#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"

namespace stillframe {

std::vector<std::unique_ptr<Hypervisor>> OpenHypervisors(const BackendOptions& options) {
  std::vector<std::unique_ptr<Hypervisor>> hypervisors;
  if (!options.sim_directory.empty()) {
    hypervisors.push_back(std::make_unique<SimHypervisor>(options.sim_directory));
  }
  if (!options.qemu_qmp_globs.empty()) {
    QemuOptions qemu;
    qemu.qmp_globs = options.qemu_qmp_globs;
    hypervisors.push_back(std::make_unique<QemuHypervisor>(std::move(qemu)));
  }
  if (options.xen == XenUse::kOn) hypervisors.push_back(MakeXenHypervisor());
  return hypervisors;
}

std::vector<std::unique_ptr<GuestResumer>> OpenResumers() {
  std::vector<std::unique_ptr<GuestResumer>> resumers;
  resumers.push_back(std::make_unique<SimResumer>());
  resumers.push_back(std::make_unique<QemuResumer>());
  AddXenResumer(resumers);
  return resumers;
}

}  // namespace stillframe
