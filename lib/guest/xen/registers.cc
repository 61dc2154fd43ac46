#include "guest/xen/registers.h"

namespace stillframe {
namespace {

// Xen packs the attributes as AMD's VMCB does: descriptor bits 8..15, then 20..23.
SegmentState Segment(std::uint32_t selector, std::uint64_t base, std::uint32_t limit,
                     std::uint32_t packed) {
  return {static_cast<std::uint16_t>(selector), base, limit,
          (packed & 0xff) | (packed & 0xf00) << 4};
}

SegmentState Selector(std::uint16_t selector, std::uint64_t base = 0) {
  SegmentState segment;
  segment.selector = selector;
  segment.base = base;
  return segment;
}

}  // namespace

VcpuState DecodeHvmCpu(std::uint32_t index, const hvm_hw_cpu& raw) {
  VcpuState state;
  state.index = index;
  state.general = {raw.rax, raw.rbx, raw.rcx, raw.rdx, raw.rsi, raw.rdi, raw.rsp, raw.rbp,
                   raw.r8,  raw.r9,  raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15};
  state.rip = raw.rip;
  state.rflags = raw.rflags;
  state.cr0 = raw.cr0;
  state.cr2 = raw.cr2;
  state.cr3 = raw.cr3;
  state.cr4 = raw.cr4;
  state.efer = raw.msr_efer;
  state.cs = Segment(raw.cs_sel, raw.cs_base, raw.cs_limit, raw.cs_arbytes);
  state.ds = Segment(raw.ds_sel, raw.ds_base, raw.ds_limit, raw.ds_arbytes);
  state.es = Segment(raw.es_sel, raw.es_base, raw.es_limit, raw.es_arbytes);
  state.fs = Segment(raw.fs_sel, raw.fs_base, raw.fs_limit, raw.fs_arbytes);
  state.gs = Segment(raw.gs_sel, raw.gs_base, raw.gs_limit, raw.gs_arbytes);
  state.ss = Segment(raw.ss_sel, raw.ss_base, raw.ss_limit, raw.ss_arbytes);
  state.tr = Segment(raw.tr_sel, raw.tr_base, raw.tr_limit, raw.tr_arbytes);
  state.ldt = Segment(raw.ldtr_sel, raw.ldtr_base, raw.ldtr_limit, raw.ldtr_arbytes);
  state.gdt = {raw.gdtr_base, raw.gdtr_limit};
  state.idt = {raw.idtr_base, raw.idtr_limit};
  state.kernel_gs_base = raw.shadow_gs;
  state.star = raw.msr_star;
  state.lstar = raw.msr_lstar;
  state.cstar = raw.msr_cstar;
  state.sf_mask = raw.msr_syscall_mask;
  state.sysenter_cs = raw.sysenter_cs;
  state.sysenter_esp = raw.sysenter_esp;
  state.sysenter_eip = raw.sysenter_eip;
  return state;
}

VcpuState DecodePvContext(std::uint32_t index, const vcpu_guest_context_x86_64_t& raw) {
  const cpu_user_regs_x86_64& user = raw.user_regs;
  const bool in_kernel = (raw.flags & VGCF_in_kernel) != 0;
  VcpuState state;
  state.index = index;
  state.general = {user.rax, user.rbx, user.rcx, user.rdx, user.rsi, user.rdi, user.rsp, user.rbp,
                   user.r8,  user.r9,  user.r10, user.r11, user.r12, user.r13, user.r14, user.r15};
  state.rip = user.rip;
  state.rflags = user.rflags;
  state.cr0 = raw.ctrlreg[0];
  state.cr2 = raw.ctrlreg[2];
  state.cr3 = raw.ctrlreg[3];
  state.cr4 = raw.ctrlreg[4];
  state.cs = Selector(user.cs);
  state.ds = Selector(user.ds);
  state.es = Selector(user.es);
  state.ss = Selector(user.ss);
  state.fs = Selector(user.fs, raw.fs_base);
  // Xen runs the PV kernel in user mode with both bases and swaps them itself.
  state.gs = Selector(user.gs, in_kernel ? raw.gs_base_kernel : raw.gs_base_user);
  state.kernel_gs_base = in_kernel ? raw.gs_base_user : raw.gs_base_kernel;
  return state;
}

}  // namespace stillframe
