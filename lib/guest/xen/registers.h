// Decodes Xen's records of one vCPU's registers.
//
// Pure. In a PV guest's state cr3 holds a machine frame, as its page tables do; what Xen keeps to
// itself there (EFER, syscall MSRs, hidden parts of segments) is absent.
#pragma once

#include <cstdint>

#include "guest/vcpu_state.h"
#include "guest/xen/xen_c.h"

extern "C" {
#include <xen/hvm/save.h>  // needs GNU extensions
}

namespace stillframe {

VcpuState DecodeHvmCpu(std::uint32_t index, const hvm_hw_cpu& raw);
VcpuState DecodePvContext(std::uint32_t index, const vcpu_guest_context_x86_64_t& raw);

}  // namespace stillframe
