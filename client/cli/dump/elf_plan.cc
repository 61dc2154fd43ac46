#include <elf.h>

#include "dump/bytes_out.h"
#include "dump/dump_plan.h"
#include "dump/elf_notes.h"

namespace stillframe::cli {
namespace {

void AddFileHeader(BytesOut& out, std::uint64_t program_headers) {
  // elf(5): more than fit 16 bits are counted in the info of section header 0.
  const bool many = program_headers >= PN_XNUM;
  out.Text(ELFMAG).U8(ELFCLASS64).U8(ELFDATA2LSB).U8(EV_CURRENT).U8(ELFOSABI_NONE).Zeros(8);
  out.U16(ET_CORE).U16(EM_X86_64).U32(EV_CURRENT).U64(0);
  out.U64(many ? sizeof(Elf64_Ehdr) + sizeof(Elf64_Shdr) : sizeof(Elf64_Ehdr));
  out.U64(many ? sizeof(Elf64_Ehdr) : 0).U32(0);
  out.U16(sizeof(Elf64_Ehdr)).U16(sizeof(Elf64_Phdr));
  out.U16(many ? PN_XNUM : static_cast<std::uint16_t>(program_headers));
  out.U16(many ? sizeof(Elf64_Shdr) : 0).U16(many ? 1 : 0).U16(0);
  if (many) {
    out.U32(0).U32(SHT_NULL).U64(0).U64(0).U64(0).U64(0).U32(0);
    out.U32(static_cast<std::uint32_t>(program_headers)).U64(0).U64(0);
  }
}

void AddProgramHeader(BytesOut& out, std::uint32_t type, std::uint32_t flags, std::uint64_t offset,
                      std::uint64_t address, std::uint64_t bytes, std::uint64_t alignment) {
  out.U32(type).U32(flags).U64(offset).U64(address).U64(address).U64(bytes).U64(bytes);
  out.U64(alignment);
}

std::uint64_t PageAligned(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

DumpPlan PlanElf(std::span<const StatusExtent> extents, const v1::Snapshot& snapshot) {
  const std::vector<GfnRange> ranges = ResidentRanges(extents);
  const std::vector<std::byte> notes = ElfNotes(snapshot);

  BytesOut out;
  AddFileHeader(out, ranges.size() + 1);
  const std::uint64_t notes_at = out.size() + (ranges.size() + 1) * sizeof(Elf64_Phdr);
  AddProgramHeader(out, PT_NOTE, 0, notes_at, 0, notes.size(), 4);

  DumpPlan plan;
  plan.file_bytes = PageAligned(notes_at + notes.size());
  for (const GfnRange& range : ranges) {
    AddProgramHeader(out, PT_LOAD, PF_R | PF_W | PF_X, plan.file_bytes, range.first.address(),
                     range.bytes(), kPageBytes);
    plan.segments.push_back({range, plan.file_bytes});
    plan.file_bytes += range.bytes();
  }
  plan.headers.push_back({0, std::move(out.Append(notes)).Take()});
  return plan;
}

}  // namespace stillframe::cli
