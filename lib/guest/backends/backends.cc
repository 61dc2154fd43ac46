#include "guest/backends/backends.h"

#include <fstream>
#include <string>
#include <utility>

#include "guest/backends/xen_backend.h"
#include "guest/qemu/qemu_hypervisor.h"
#include "guest/qemu/qemu_resumer.h"
#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"

namespace stillframe {
namespace {

MsrPolicy PolicyOf(QemuMsrs msrs) {
  switch (msrs) {
    case QemuMsrs::kNever:
      return MsrPolicy::kNever;
    case QemuMsrs::kOnce:
      return MsrPolicy::kOncePerBoot;
    case QemuMsrs::kAlways:
      return MsrPolicy::kAlways;
  }
  return MsrPolicy::kNever;
}

// What the kernel of a Xen control domain says (Documentation/ABI: xenfs).
bool RunsInDom0() {
  std::ifstream file("/proc/xen/capabilities");
  std::string capabilities;
  std::getline(file, capabilities);
  return capabilities.find("control_d") != std::string::npos;
}

}  // namespace

std::vector<std::unique_ptr<Hypervisor>> OpenHypervisors(const BackendOptions& options) {
  std::vector<std::unique_ptr<Hypervisor>> hypervisors;
  if (!options.sim_directory.empty()) {
    hypervisors.push_back(std::make_unique<SimHypervisor>(options.sim_directory));
  }
  if (!options.qemu_qmp_globs.empty()) {
    QemuOptions qemu;
    qemu.qmp_globs = options.qemu_qmp_globs;
    qemu.msrs = PolicyOf(options.qemu_msrs);
    hypervisors.push_back(std::make_unique<QemuHypervisor>(std::move(qemu)));
  }
  if (options.xen == XenUse::kAlways || (options.xen == XenUse::kAuto && RunsInDom0())) {
    hypervisors.push_back(MakeXenHypervisor());
  }
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
