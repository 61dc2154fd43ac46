// vCPU registers out of what QEMU gives while a guest stands.
//
// Pure functions over recorded bytes, run after the resume. Three sources, each with its gaps:
//   `info registers -a`   all vCPUs; no MSR but EFER; cut to 32 bits in compatibility mode
//   dump-guest-memory     an ELF with one QEMU note per vCPU: 64 bits, KERNEL_GS_BASE, no EFER
//   the migration stream  everything (device_state.h)
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/vcpu_state.h"

namespace stillframe {

inline constexpr std::size_t kVcpusMax = 4096;

// The text of `info registers -a`, or the same as a raw JSON string value (with its quotes).
// `cut` says whether any vCPU's registers were printed with 32 bits though it has 64.
struct RegisterText {
  std::vector<VcpuState> vcpus;  // by index
  bool cut = false;
};
absl::StatusOr<RegisterText> DecodeRegisterText(std::string_view text);

// Overwrites in `vcpus` what the notes of a dump-guest-memory ELF know better. DATA_LOSS, and
// `vcpus` unchanged, when the ELF makes no sense or has another number of vCPUs.
absl::Status MergeCpuNotes(std::span<const std::byte> elf, std::vector<VcpuState>& vcpus);

}  // namespace stillframe
