#include "guest/backends/backends.h"

#include "guest/sim/sim_hypervisor.h"
#include "guest/sim/sim_resumer.h"

namespace stillframe {

std::vector<std::unique_ptr<Hypervisor>> OpenHypervisors(const BackendOptions& options) {
  std::vector<std::unique_ptr<Hypervisor>> hypervisors;
  if (!options.sim_directory.empty()) {
    hypervisors.push_back(std::make_unique<SimHypervisor>(options.sim_directory));
  }
  return hypervisors;
}

std::vector<std::unique_ptr<GuestResumer>> OpenResumers() {
  std::vector<std::unique_ptr<GuestResumer>> resumers;
  resumers.push_back(std::make_unique<SimResumer>());
  return resumers;
}

}  // namespace stillframe
