// Reads the registers of all vCPUs of one domain into held memory, and decodes them later.
//
// Owned by the guest's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/vcpu_state.h"
#include "guest/xen/domain.h"
#include "guest/xen/registers.h"

namespace stillframe {

class VcpuFetch {
 public:
  // Holds memory for the registers of every vCPU that `domain` may bring online.
  void Prepare(const Domain& domain);

  // Skips vCPUs that are offline. [window]
  absl::Status Fetch(xc_interface* control, const Domain& domain);

  std::vector<VcpuState> Decode() const;

 private:
  bool translated_ = false;
  std::vector<bool> online_;
  std::vector<hvm_hw_cpu> hvm_;
  std::vector<vcpu_guest_context_any_t> pv_;
};

}  // namespace stillframe
