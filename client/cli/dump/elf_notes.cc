#include "dump/elf_notes.h"

#include <string_view>

#include "dump/bytes_out.h"

namespace stillframe::cli {
namespace {

constexpr std::uint32_t kNtPrstatus = 1;
constexpr std::uint32_t kQemuStateVersion = 1;

enum General { kRax, kRbx, kRcx, kRdx, kRsi, kRdi, kRsp, kRbp, kR8, kGenerals = 16 };

std::uint64_t GeneralOf(const v1::Vcpu& vcpu, int index) {
  return index < vcpu.general_size() ? vcpu.general(index) : 0;
}

void AddNote(BytesOut& out, std::string_view name, std::uint32_t type,
             const std::vector<std::byte>& description) {
  out.U32(static_cast<std::uint32_t>(name.size() + 1));
  out.U32(static_cast<std::uint32_t>(description.size()));
  out.U32(type).Text(name).U8(0).AlignTo(4).Append(description).AlignTo(4);
}

// struct x86_64_elf_prstatus (QEMU 7.2, target/i386/arch_dump.c); the registers are the kernel's
// user_regs_struct.
std::vector<std::byte> Prstatus(const v1::Vcpu& vcpu) {
  BytesOut out;
  out.Zeros(32).U32(vcpu.index() + 1).Zeros(76);
  for (int i = 7; i >= 4; --i) out.U64(GeneralOf(vcpu, kR8 + i));  // r15 r14 r13 r12
  out.U64(GeneralOf(vcpu, kRbp)).U64(GeneralOf(vcpu, kRbx));
  for (int i = 3; i >= 0; --i) out.U64(GeneralOf(vcpu, kR8 + i));  // r11 r10 r9 r8
  out.U64(GeneralOf(vcpu, kRax)).U64(GeneralOf(vcpu, kRcx)).U64(GeneralOf(vcpu, kRdx));
  out.U64(GeneralOf(vcpu, kRsi)).U64(GeneralOf(vcpu, kRdi)).U64(0);  // orig_rax
  out.U64(vcpu.rip()).U64(vcpu.cs().selector()).U64(vcpu.rflags());
  out.U64(GeneralOf(vcpu, kRsp)).U64(vcpu.ss().selector());
  out.U64(vcpu.fs().base()).U64(vcpu.gs().base());
  out.U64(vcpu.ds().selector()).U64(vcpu.es().selector());
  out.U64(vcpu.fs().selector()).U64(vcpu.gs().selector());
  return std::move(out.Zeros(8)).Take();
}

// QEMU keeps descriptor bits 8 to 23 where they are in the descriptor's second word.
void AddSegment(BytesOut& out, const v1::Segment& segment) {
  out.U32(segment.selector()).U32(segment.limit()).U32(segment.attributes() << 8).U32(0);
  out.U64(segment.base());
}

void AddTable(BytesOut& out, const v1::DescriptorTable& table) {
  out.U32(0).U32(table.limit()).U32(0).U32(0).U64(table.base());
}

// struct QEMUCPUState, same file. Its size field says whether the last register is there.
std::vector<std::byte> QemuState(const v1::Vcpu& vcpu) {
  BytesOut body;
  for (int i = 0; i < kGenerals; ++i) body.U64(GeneralOf(vcpu, i));
  body.U64(vcpu.rip()).U64(vcpu.rflags());
  for (const v1::Segment* segment : {&vcpu.cs(), &vcpu.ds(), &vcpu.es(), &vcpu.fs(), &vcpu.gs(),
                                     &vcpu.ss(), &vcpu.ldt(), &vcpu.tr()}) {
    AddSegment(body, *segment);
  }
  AddTable(body, vcpu.gdt());
  AddTable(body, vcpu.idt());
  body.U64(vcpu.cr0()).U64(0).U64(vcpu.cr2()).U64(vcpu.cr3()).U64(vcpu.cr4());
  if (vcpu.has_kernel_gs_base()) body.U64(vcpu.kernel_gs_base());
  BytesOut out;
  out.U32(kQemuStateVersion).U32(static_cast<std::uint32_t>(body.size() + 8));
  return std::move(out.Append(body.bytes())).Take();
}

}  // namespace

std::vector<std::byte> ElfNotes(const v1::Snapshot& snapshot) {
  BytesOut out;
  for (const v1::Vcpu& vcpu : snapshot.vcpus()) AddNote(out, "CORE", kNtPrstatus, Prstatus(vcpu));
  for (const v1::Vcpu& vcpu : snapshot.vcpus()) AddNote(out, "QEMU", 0, QemuState(vcpu));
  return std::move(out).Take();
}

}  // namespace stillframe::cli
