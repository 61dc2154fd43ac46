#include <fmt/format.h>

#include <array>
#include <optional>

#include "render/snapshot_text.h"
#include "render/text.h"

namespace stillframe::cli {
namespace {

constexpr std::array kGeneralNames = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

// Four registers a line.
class Grid {
 public:
  void Add(const char* name, std::uint64_t value) {
    if (cells_ > 0) text_ += cells_ % 4 == 0 ? "\n" : "  ";
    text_ += fmt::format("{:<7} {:016x}", name, value);
    ++cells_;
  }
  void AddIf(bool there, const char* name, std::uint64_t value) {
    if (there) Add(name, value);
  }
  void EndBlock() {
    text_ += "\n";
    cells_ = 0;
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
  int cells_ = 0;
};

}  // namespace

std::string RegistersText(const v1::Vcpu& vcpu) {
  Grid grid;
  for (int i = 0; i < vcpu.general_size() && i < static_cast<int>(kGeneralNames.size()); ++i) {
    grid.Add(kGeneralNames[static_cast<std::size_t>(i)], vcpu.general(i));
  }
  grid.Add("rip", vcpu.rip());
  grid.Add("rflags", vcpu.rflags());
  grid.EndBlock();
  grid.Add("cr0", vcpu.cr0());
  grid.Add("cr2", vcpu.cr2());
  grid.Add("cr3", vcpu.cr3());
  grid.Add("cr4", vcpu.cr4());
  grid.AddIf(vcpu.has_cr8(), "cr8", vcpu.cr8());
  grid.AddIf(vcpu.has_efer(), "efer", vcpu.efer());
  grid.AddIf(vcpu.has_kernel_gs_base(), "kgsbase", vcpu.kernel_gs_base());
  grid.AddIf(vcpu.has_star(), "star", vcpu.star());
  grid.AddIf(vcpu.has_lstar(), "lstar", vcpu.lstar());
  grid.AddIf(vcpu.has_cstar(), "cstar", vcpu.cstar());
  grid.AddIf(vcpu.has_sf_mask(), "sfmask", vcpu.sf_mask());
  grid.AddIf(vcpu.has_sysenter_cs(), "sysecs", vcpu.sysenter_cs());
  grid.AddIf(vcpu.has_sysenter_esp(), "sysesp", vcpu.sysenter_esp());
  grid.AddIf(vcpu.has_sysenter_eip(), "syseip", vcpu.sysenter_eip());
  grid.EndBlock();

  Table segments({{"SEG"}, {"SELECTOR"}, {"BASE"}, {"LIMIT"}, {"ATTRIBUTES"}});
  const auto add_segment = [&segments](const char* name, const v1::Segment& segment) {
    segments.AddRow({name, fmt::format("{:04x}", segment.selector()),
                     fmt::format("{:016x}", segment.base()), fmt::format("{:08x}", segment.limit()),
                     fmt::format("{:04x}", segment.attributes())});
  };
  add_segment("cs", vcpu.cs());
  add_segment("ds", vcpu.ds());
  add_segment("es", vcpu.es());
  add_segment("fs", vcpu.fs());
  add_segment("gs", vcpu.gs());
  add_segment("ss", vcpu.ss());
  add_segment("ldt", vcpu.ldt());
  add_segment("tr", vcpu.tr());
  const auto add_table = [&segments](const char* name, const v1::DescriptorTable& table) {
    segments.AddRow(
        {name, "", fmt::format("{:016x}", table.base()), fmt::format("{:08x}", table.limit()), ""});
  };
  add_table("gdt", vcpu.gdt());
  add_table("idt", vcpu.idt());
  return std::move(grid).Take() + segments.ToString();
}

}  // namespace stillframe::cli
