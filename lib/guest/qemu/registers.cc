#include "guest/qemu/registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "guest/qmp/qmp_frame.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kEferLongModeActive = 1u << 10;

// The order of VcpuState::general.
constexpr std::array<std::string_view, 16> kGeneral64 = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI",
                                                         "RSP", "RBP", "R8",  "R9",  "R10", "R11",
                                                         "R12", "R13", "R14", "R15"};
constexpr std::array<std::string_view, 8> kGeneral32 = {"EAX", "EBX", "ECX", "EDX",
                                                        "ESI", "EDI", "ESP", "EBP"};

// Line ends of a JSON string value as a space, so that plain and quoted text read alike.
std::string Flatten(std::string_view text) {
  if (const std::string_view inner = Unquote(text); !inner.empty()) text = inner;
  std::string flat;
  flat.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      flat += '\n';
    } else {
      flat += text[i] == '\r' ? '\n' : text[i];
    }
  }
  return flat;
}

// What follows `name`, spaces and '=': "R8 =0000", "GDT=     ffff...". Empty if not there.
std::string_view AfterName(std::string_view section, std::string_view name) {
  for (std::size_t at = section.find(name); at != std::string_view::npos;
       at = section.find(name, at + 1)) {
    if (at > 0 && section[at - 1] != ' ' && section[at - 1] != '\n') continue;
    std::size_t next = at + name.size();
    while (next < section.size() && section[next] == ' ') ++next;
    if (next < section.size() && section[next] == '=') return section.substr(next + 1);
  }
  return {};
}

std::optional<std::uint64_t> TakeHex(std::string_view& text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (read.ec != std::errc() || read.ptr == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return value;
}

// Reads fields of one vCPU's section; remembers the first that was not there.
class Section {
 public:
  explicit Section(std::string_view text) : text_(text) {}

  std::uint64_t Number(std::string_view name) {
    std::string_view after = AfterName(text_, name);
    return Take(after, name);
  }

  // "CS =0010 0000000000000000 ffffffff 00af9b00"
  SegmentState Segment(std::string_view name) {
    std::string_view after = AfterName(text_, name);
    SegmentState segment;
    segment.selector = static_cast<std::uint16_t>(Take(after, name));
    segment.base = Take(after, name);
    segment.limit = static_cast<std::uint32_t>(Take(after, name));
    segment.attributes = static_cast<std::uint32_t>(Take(after, name)) >> 8 & 0xf0ff;
    return segment;
  }

  DescriptorTable Table(std::string_view name) {
    std::string_view after = AfterName(text_, name);
    DescriptorTable table;
    table.base = Take(after, name);
    table.limit = static_cast<std::uint32_t>(Take(after, name));
    return table;
  }

  bool Has(std::string_view name) const { return !AfterName(text_, name).empty(); }
  std::string_view missing() const { return missing_; }

 private:
  std::uint64_t Take(std::string_view& after, std::string_view name) {
    const std::optional<std::uint64_t> value = TakeHex(after);
    if (!value && missing_.empty()) missing_ = name;
    return value.value_or(0);
  }

  std::string_view text_;
  std::string_view missing_;
};

// One CPU note's descriptor: version, size, 18 registers, 10 segments, CR0..CR4, KERNEL_GS_BASE
// (QEMUCPUState, target/i386/arch_dump.c, 7.2).
struct NoteSegment {
  std::uint32_t selector, limit, flags, pad;
  std::uint64_t base;
};
struct CpuNote {
  std::uint32_t version, size;
  std::uint64_t general[16], rip, rflags;
  NoteSegment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
  std::uint64_t cr[5];
  std::uint64_t kernel_gs_base;
};
static_assert(sizeof(CpuNote) == 440);

SegmentState FromNote(const NoteSegment& segment) {
  return {static_cast<std::uint16_t>(segment.selector), segment.base, segment.limit,
          segment.flags >> 8 & 0xf0ff};
}

void Merge(const CpuNote& note, VcpuState& vcpu) {
  // The note has RSI RDI RSP RBP in this very order, as VcpuState does.
  std::copy(std::begin(note.general), std::end(note.general), vcpu.general.begin());
  vcpu.rip = note.rip;
  vcpu.rflags = note.rflags;
  vcpu.cr0 = note.cr[0];
  vcpu.cr2 = note.cr[2];
  vcpu.cr3 = note.cr[3];
  vcpu.cr4 = note.cr[4];
  vcpu.cs = FromNote(note.cs);
  vcpu.ds = FromNote(note.ds);
  vcpu.es = FromNote(note.es);
  vcpu.fs = FromNote(note.fs);
  vcpu.gs = FromNote(note.gs);
  vcpu.ss = FromNote(note.ss);
  vcpu.ldt = FromNote(note.ldt);
  vcpu.tr = FromNote(note.tr);
  vcpu.gdt = {note.gdt.base, note.gdt.limit};
  vcpu.idt = {note.idt.base, note.idt.limit};
  if (note.size >= sizeof(CpuNote)) vcpu.kernel_gs_base = note.kernel_gs_base;
}

template <typename T>
std::optional<T> ReadAt(std::span<const std::byte> bytes, std::uint64_t at) {
  if (at > bytes.size() || sizeof(T) > bytes.size() - at) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct ElfNote {
  std::uint32_t name_bytes, payload_bytes, type;
};

constexpr std::uint64_t RoundUp4(std::uint64_t value) { return (value + 3) / 4 * 4; }

}  // namespace

absl::StatusOr<RegisterText> DecodeRegisterText(std::string_view text) {
  constexpr std::string_view kStart = "CPU#";
  const std::string flat = Flatten(text);
  std::string_view rest = flat;
  RegisterText decoded;
  for (std::size_t at = rest.find(kStart); at != std::string_view::npos; at = rest.find(kStart)) {
    rest.remove_prefix(at + kStart.size());
    std::uint32_t index = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), index);
    if (index != decoded.vcpus.size() || index >= kVcpusMax) {
      return absl::DataLossError(
          fmt::format("registers of vCPU {}: unexpected number {}", decoded.vcpus.size(), index));
    }
    Section section(rest.substr(0, rest.find(kStart)));
    VcpuState vcpu;
    vcpu.index = index;
    const bool wide = section.Has("RIP");
    for (std::size_t i = 0; i < (wide ? kGeneral64.size() : kGeneral32.size()); ++i) {
      vcpu.general[i] = section.Number(wide ? kGeneral64[i] : kGeneral32[i]);
    }
    vcpu.rip = section.Number(wide ? "RIP" : "EIP");
    vcpu.rflags = section.Number(wide ? "RFL" : "EFL");
    vcpu.cr0 = section.Number("CR0");
    vcpu.cr2 = section.Number("CR2");
    vcpu.cr3 = section.Number("CR3");
    vcpu.cr4 = section.Number("CR4");
    vcpu.efer = section.Number("EFER");
    vcpu.cs = section.Segment("CS");
    vcpu.ds = section.Segment("DS");
    vcpu.es = section.Segment("ES");
    vcpu.fs = section.Segment("FS");
    vcpu.gs = section.Segment("GS");
    vcpu.ss = section.Segment("SS");
    vcpu.ldt = section.Segment("LDT");
    vcpu.tr = section.Segment("TR");
    vcpu.gdt = section.Table("GDT");
    vcpu.idt = section.Table("IDT");
    if (!section.missing().empty()) {
      return absl::DataLossError(
          fmt::format("registers of vCPU {}: no {}", index, section.missing()));
    }
    if (!wide && (*vcpu.efer & kEferLongModeActive) != 0) decoded.cut = true;
    decoded.vcpus.push_back(vcpu);
  }
  if (decoded.vcpus.empty()) return absl::DataLossError("QEMU's registers name no vCPU");
  return decoded;
}

absl::Status MergeCpuNotes(std::span<const std::byte> elf, std::vector<VcpuState>& vcpus) {
  constexpr std::uint32_t kProgramNote = 4;
  const absl::Status nonsense = absl::DataLossError("the dump with the vCPU notes makes no sense");
  constexpr std::array<char, 5> kMagic64 = {0x7f, 'E', 'L', 'F', 2};
  if (elf.size() < 64 || std::memcmp(elf.data(), kMagic64.data(), kMagic64.size()) != 0) {
    return nonsense;
  }
  const std::uint64_t headers = *ReadAt<std::uint64_t>(elf, 32);
  const std::uint64_t header_bytes = *ReadAt<std::uint16_t>(elf, 54);
  const std::uint64_t header_count = *ReadAt<std::uint16_t>(elf, 56);
  std::vector<CpuNote> notes;
  bool seen = false;
  for (std::uint64_t i = 0; i < header_count; ++i) {
    const std::uint64_t header = headers + i * header_bytes;
    const auto type = ReadAt<std::uint32_t>(elf, header);
    const auto offset = ReadAt<std::uint64_t>(elf, header + 8);
    const auto bytes = ReadAt<std::uint64_t>(elf, header + 32);
    if (!type || !offset || !bytes) return nonsense;
    if (*type != kProgramNote) continue;
    // QEMU writes one. 65535 headers of one segment would cost as often its time and memory.
    if (std::exchange(seen, true)) return nonsense;
    if (*offset > elf.size() || *bytes > elf.size() - *offset) return nonsense;
    const std::span<const std::byte> segment = elf.subspan(*offset, *bytes);
    for (std::uint64_t at = 0; at < segment.size();) {
      const auto note = ReadAt<ElfNote>(segment, at);
      if (!note) return nonsense;
      const std::uint64_t name = at + sizeof(ElfNote);
      const std::uint64_t payload = name + RoundUp4(note->name_bytes);
      at = payload + RoundUp4(note->payload_bytes);
      if (at > segment.size()) return nonsense;
      if (note->name_bytes != 5 || std::memcmp(segment.data() + name, "QEMU", 5) != 0) continue;
      // Older QEMUs end the note before KERNEL_GS_BASE.
      CpuNote cpu{};
      if (note->payload_bytes < offsetof(CpuNote, kernel_gs_base)) return nonsense;
      std::memcpy(&cpu, segment.data() + payload,
                  std::min<std::size_t>(sizeof cpu, note->payload_bytes));
      if (note->payload_bytes < sizeof cpu) cpu.size = note->payload_bytes;
      notes.push_back(cpu);
    }
  }
  if (notes.size() != vcpus.size()) {
    return absl::DataLossError(
        fmt::format("the dump has notes of {} vCPUs instead of {}", notes.size(), vcpus.size()));
  }
  for (std::size_t i = 0; i < notes.size(); ++i) Merge(notes[i], vcpus[i]);
  return absl::OkStatus();
}

}  // namespace stillframe
