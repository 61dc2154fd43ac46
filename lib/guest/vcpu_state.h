// The architectural state of one x86 vCPU at the instant of a snapshot.
//
// A register that the hypervisor does not give is absent, never zero.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace stillframe {

// One segment register with its hidden part (Intel SDM vol. 3, 3.4.3).
struct SegmentState {
  std::uint16_t selector = 0;
  std::uint64_t base = 0;
  std::uint32_t limit = 0;
  std::uint32_t attributes = 0;  // descriptor bits 8..23 (type, S, DPL, P, AVL, L, D/B, G)
};

struct DescriptorTable {
  std::uint64_t base = 0;
  std::uint32_t limit = 0;
};

struct VcpuState {
  std::uint32_t index = 0;

  // RAX RBX RCX RDX RSI RDI RSP RBP R8..R15, in this order.
  std::array<std::uint64_t, 16> general{};
  std::uint64_t rip = 0;
  std::uint64_t rflags = 0;

  std::uint64_t cr0 = 0;
  std::uint64_t cr2 = 0;
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;
  std::optional<std::uint64_t> cr8;
  std::optional<std::uint64_t> efer;

  SegmentState cs, ds, es, fs, gs, ss, ldt, tr;
  DescriptorTable gdt, idt;

  std::optional<std::uint64_t> kernel_gs_base;  // MSR C000_0102
  std::optional<std::uint64_t> star;            // MSR C000_0081
  std::optional<std::uint64_t> lstar;           // MSR C000_0082
  std::optional<std::uint64_t> cstar;           // MSR C000_0083
  std::optional<std::uint64_t> sf_mask;         // MSR C000_0084
  std::optional<std::uint64_t> sysenter_cs;     // MSR 174
  std::optional<std::uint64_t> sysenter_esp;    // MSR 175
  std::optional<std::uint64_t> sysenter_eip;    // MSR 176
};

}  // namespace stillframe
