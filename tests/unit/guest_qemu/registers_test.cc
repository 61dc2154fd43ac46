#include "guest/qemu/registers.h"

#include <algorithm>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "recorded.h"

namespace stillframe {
namespace {

TEST(RegistersTest, DecodesAllVcpusOfTheText) {
  const auto decoded = DecodeRegisterText(Recorded("registers_2cpu.txt"));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->vcpus.size(), 2u);
  EXPECT_FALSE(decoded->cut);
  const VcpuState& vcpu = decoded->vcpus[1];
  EXPECT_EQ(vcpu.index, 1u);
  EXPECT_EQ(vcpu.general[0], 0x1ad40u);             // RAX
  EXPECT_EQ(vcpu.general[6], 0xffffd5c14009bed8u);  // RSP
  EXPECT_EQ(vcpu.general[12], 1u);                  // R12
  EXPECT_EQ(vcpu.rip, 0xffffffff86217a0bu);
  EXPECT_EQ(vcpu.rflags, 0x246u);
  EXPECT_EQ(vcpu.cr0, 0x80050033u);
  EXPECT_EQ(vcpu.cr3, 0x2892000u);
  EXPECT_EQ(vcpu.cr4, 0x750ea0u);
  EXPECT_EQ(vcpu.efer, 0xd01u);
  EXPECT_EQ(vcpu.cs.selector, 0x10);
  EXPECT_EQ(vcpu.cs.limit, 0xffffffffu);
  EXPECT_EQ(vcpu.cs.attributes, 0xa09bu);
  EXPECT_EQ(vcpu.gs.base, 0xffff8e8acf700000u);
  EXPECT_EQ(vcpu.tr.base, 0xfffffe000003e000u);
  EXPECT_EQ(vcpu.gdt.base, 0xfffffe000003c000u);
  EXPECT_EQ(vcpu.idt.limit, 0xfffu);
  EXPECT_FALSE(vcpu.lstar.has_value());
  EXPECT_FALSE(vcpu.kernel_gs_base.has_value());
}

TEST(RegistersTest, ReadsTheTextAsQmpQuotesIt) {
  std::string quoted = "\"";
  for (const char c : Recorded("registers_2cpu.txt")) {
    quoted += c == '\n' ? std::string("\\r\\n") : std::string(1, c);
  }
  const auto plain = DecodeRegisterText(Recorded("registers_2cpu.txt"));
  const auto decoded = DecodeRegisterText(quoted + "\"");
  ASSERT_TRUE(plain.ok() && decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->vcpus[1].cr3, plain->vcpus[1].cr3);
  EXPECT_EQ(decoded->vcpus[1].idt.base, plain->vcpus[1].idt.base);
}

constexpr char kReset[] =
    "\r\nCPU#0\r\nEAX=00000001 EBX=00000000 ECX=00000000 EDX=00060fb1\r\n"
    "ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000\r\n"
    "EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n"
    "ES =0000 00000000 0000ffff 00009300\r\nCS =f000 ffff0000 0000ffff 00009b00\r\n"
    "SS =0000 00000000 0000ffff 00009300\r\nDS =0000 00000000 0000ffff 00009300\r\n"
    "FS =0000 00000000 0000ffff 00009300\r\nGS =0000 00000000 0000ffff 00009300\r\n"
    "LDT=0000 00000000 0000ffff 00008200\r\nTR =0000 00000000 0000ffff 00008b00\r\n"
    "GDT=     00000000 0000ffff\r\nIDT=     00000000 0000ffff\r\n"
    "CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\r\n";

TEST(RegistersTest, ReadsACpuInRealMode) {
  const auto decoded = DecodeRegisterText(std::string(kReset) + "EFER=0000000000000000\r\n");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->vcpus[0].rip, 0xfff0u);
  EXPECT_EQ(decoded->vcpus[0].cs.base, 0xffff0000u);
  EXPECT_FALSE(decoded->cut);
}

TEST(RegistersTest, TellsWhenALongModeCpuWasCutTo32Bits) {
  const auto decoded = DecodeRegisterText(std::string(kReset) + "EFER=0000000000000d01\r\n");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(decoded->cut);
}

TEST(RegistersTest, RefusesTextWithoutARegister) {
  EXPECT_TRUE(absl::IsDataLoss(DecodeRegisterText(kReset).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeRegisterText("").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeRegisterText("CPU#1\nRAX=0").status()));
}

TEST(RegistersTest, NotesAgreeWithTheTextAndAddTheKernelGsBase) {
  const auto decoded = DecodeRegisterText(Recorded("registers_2cpu.txt"));
  ASSERT_TRUE(decoded.ok());
  std::vector<VcpuState> merged = decoded->vcpus;
  const std::string elf = Recorded("notes_2cpu.elf");
  const absl::Status status = MergeCpuNotes(BytesOf(elf), merged);
  ASSERT_TRUE(status.ok()) << status;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    EXPECT_EQ(merged[i].general, decoded->vcpus[i].general);
    EXPECT_EQ(merged[i].rip, decoded->vcpus[i].rip);
    EXPECT_EQ(merged[i].cr3, decoded->vcpus[i].cr3);
    EXPECT_EQ(merged[i].cs.attributes, decoded->vcpus[i].cs.attributes);
    EXPECT_EQ(merged[i].gs.base, decoded->vcpus[i].gs.base);
    EXPECT_EQ(merged[i].idt.base, decoded->vcpus[i].idt.base);
    EXPECT_TRUE(merged[i].kernel_gs_base.has_value());
  }
  // vCPU 0 ran user code: its per-CPU base waits in KERNEL_GS_BASE.
  EXPECT_EQ(*merged[0].kernel_gs_base >> 48, 0xffffu);
}

TEST(RegistersTest, DamagedNotesChangeNothing) {
  const auto decoded = DecodeRegisterText(Recorded("registers_2cpu.txt"));
  ASSERT_TRUE(decoded.ok());
  const std::string elf = Recorded("notes_2cpu.elf");
  // The notes are not quite the last bytes of the file.
  for (std::size_t length = 0; length < elf.size() - 16; length += 7) {
    std::vector<VcpuState> merged = decoded->vcpus;
    const std::string cut = elf.substr(0, length);
    EXPECT_TRUE(absl::IsDataLoss(MergeCpuNotes(BytesOf(cut), merged))) << length;
    EXPECT_EQ(merged[0].kernel_gs_base, std::nullopt);
  }
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    std::string damaged = elf;
    for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    std::vector<VcpuState> merged = decoded->vcpus;
    static_cast<void>(MergeCpuNotes(BytesOf(damaged), merged));
    EXPECT_EQ(merged.size(), 2u);
  }
}

TEST(RegistersTest, RefusesNotesOfAnotherNumberOfVcpus) {
  std::vector<VcpuState> one(1);
  const std::string elf = Recorded("notes_2cpu.elf");
  EXPECT_TRUE(absl::IsDataLoss(MergeCpuNotes(BytesOf(elf), one)));
}

TEST(RegistersTest, HeadersThatRepeatOneSegmentAreRefusedBeforeItsNotesAddUp) {
  std::vector<VcpuState> vcpus(2);
  std::string elf = Recorded("notes_2cpu.elf");
  elf[54] = elf[55] = 0;                        // bytes of a program header: all are the first
  elf[56] = elf[57] = static_cast<char>(0xff);  // how many there are
  const absl::Status status = MergeCpuNotes(BytesOf(elf), vcpus);
  EXPECT_EQ(status, absl::DataLossError("the dump with the vCPU notes makes no sense"));
}

}  // namespace
}  // namespace stillframe
