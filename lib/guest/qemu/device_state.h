// Model-specific registers out of QEMU's device state (a migration stream without RAM).
//
// A pure function, run after the resume. Fields are found by the description that QEMU itself
// appends to the stream, not by offsets of one version.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "guest/vcpu_state.h"

namespace stillframe {

// Fills in EFER, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SF_MASK and SYSENTER_*. DATA_LOSS, and
// `vcpus` unchanged, when the stream makes no sense, is ambiguous (a guest can plant look-alikes
// in device memory) or describes another number of vCPUs.
absl::Status MergeDeviceState(std::span<const std::byte> stream, std::vector<VcpuState>& vcpus);

}  // namespace stillframe
