#include "guest/xen/registers.h"

#include "gtest/gtest.h"

namespace stillframe {
namespace {

TEST(XenRegistersTest, DecodesAnHvmRecord) {
  hvm_hw_cpu raw{};
  raw.rax = 1;
  raw.rbx = 2;
  raw.rcx = 3;
  raw.rdx = 4;
  raw.rsi = 5;
  raw.rdi = 6;
  raw.rsp = 7;
  raw.rbp = 8;
  raw.r8 = 9;
  raw.r15 = 16;
  raw.rip = 0xffffffff81000000;
  raw.cr0 = 0x80050033;
  raw.cr3 = 0x1234000;
  raw.cr4 = 0x6b0;
  raw.msr_efer = 0xd01;
  raw.msr_lstar = 0xffffffff82000000;
  raw.gs_base = 0xffff888000000000;
  raw.shadow_gs = 0x7f0000000000;
  raw.idtr_base = 0xfffffe0000000000;
  raw.idtr_limit = 0xfff;
  raw.cs_sel = 0x10;
  raw.cs_limit = 0xffffffff;
  raw.cs_arbytes = 0xa9b;  // G L | P DPL0 S code
  const VcpuState state = DecodeHvmCpu(3, raw);
  EXPECT_EQ(state.index, 3u);
  for (std::uint64_t i = 0; i < 9; ++i) EXPECT_EQ(state.general[i], i + 1);
  EXPECT_EQ(state.general[15], 16u);
  EXPECT_EQ(state.rip, raw.rip);
  EXPECT_EQ(state.cr0, raw.cr0);
  EXPECT_EQ(state.cr3, raw.cr3);
  EXPECT_EQ(state.cr4, raw.cr4);
  EXPECT_EQ(state.efer, raw.msr_efer);
  EXPECT_EQ(state.lstar, raw.msr_lstar);
  EXPECT_EQ(state.gs.base, raw.gs_base);
  EXPECT_EQ(state.kernel_gs_base, raw.shadow_gs);
  EXPECT_EQ(state.idt.base, raw.idtr_base);
  EXPECT_EQ(state.idt.limit, raw.idtr_limit);
  EXPECT_EQ(state.cs.selector, 0x10u);
  EXPECT_EQ(state.cs.attributes, 0xa09bu);
  EXPECT_FALSE(state.cr8.has_value());
}

TEST(XenRegistersTest, DecodesAPvRecordInKernelMode) {
  vcpu_guest_context_x86_64_t raw{};
  raw.flags = VGCF_in_kernel;
  raw.user_regs.rax = 1;
  raw.user_regs.rsp = 7;
  raw.user_regs.rip = 0xffffffff81000000;
  raw.user_regs.cs = 0xe033;
  raw.ctrlreg[3] = 0x7654000;
  raw.gs_base_kernel = 0xffff888000000000;
  raw.gs_base_user = 0x7f0000000000;
  const VcpuState state = DecodePvContext(0, raw);
  EXPECT_EQ(state.general[0], 1u);
  EXPECT_EQ(state.general[6], 7u);
  EXPECT_EQ(state.cs.selector, 0xe033u);
  EXPECT_EQ(state.cr3, 0x7654000u);
  EXPECT_EQ(state.gs.base, raw.gs_base_kernel);
  EXPECT_EQ(state.kernel_gs_base, raw.gs_base_user);
  EXPECT_FALSE(state.efer.has_value());
  EXPECT_FALSE(state.lstar.has_value());
}

TEST(XenRegistersTest, InUserModeThePvBasesAreSwapped) {
  vcpu_guest_context_x86_64_t raw{};
  raw.gs_base_kernel = 1;
  raw.gs_base_user = 2;
  const VcpuState state = DecodePvContext(0, raw);
  EXPECT_EQ(state.gs.base, 2u);
  EXPECT_EQ(state.kernel_gs_base, 1u);
}

}  // namespace
}  // namespace stillframe
