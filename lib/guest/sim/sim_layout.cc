#include "guest/sim/sim_layout.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"

namespace stillframe::sim {
namespace {

// SEEK_HOLE walks to the end of the data, however far behind the run that is: in a shorter run it
// is cheaper to ask for each page.
constexpr std::uint64_t kShortRunPages = 64;

absl::StatusOr<std::uint64_t> SeekPage(int fd, std::uint64_t page, int whence) {
  const off_t at = lseek(fd, static_cast<off_t>(page << kPageShift), whence);
  if (at >= 0) return static_cast<std::uint64_t>(at) >> kPageShift;
  if (errno == ENXIO) return kGuestPagesMax;  // nothing but a hole from here to the end
  return ErrnoStatus(errno, fmt::format("seek page {:#x} of the RAM file", page));
}

SegmentState FlatSegment(std::uint16_t selector, std::uint32_t attributes, std::uint64_t base) {
  return {.selector = selector, .base = base, .limit = 0xffffffff, .attributes = attributes};
}

}  // namespace

absl::StatusOr<MemoryMap> CheckLayout(const DescribeReply& layout, std::uint64_t guest_pages,
                                      std::uint64_t ram_pages) {
  if (layout.region_count == 0 || layout.region_count > kRegionsMax || layout.vcpus == 0 ||
      layout.vcpus > kVcpusMax) {
    return absl::DataLossError(fmt::format("simulated guest claims {} regions and {} vCPUs",
                                           layout.region_count, layout.vcpus));
  }
  std::vector<MemoryRegion> regions;
  regions.reserve(layout.region_count);
  std::uint64_t end = 0;
  for (std::uint32_t i = 0; i < layout.region_count; ++i) {
    const Region& region = layout.regions[i];
    const bool is_ram = region.kind == WireRegion::kRam;
    if (region.pages == 0 || region.first < end || region.first > guest_pages ||
        region.pages > guest_pages - region.first || region.ram_page > ram_pages ||
        region.pages > ram_pages - region.ram_page ||
        (!is_ram && region.kind != WireRegion::kBallooned)) {
      return absl::DataLossError(
          fmt::format("simulated guest claims {} pages at gfn {:#x}", region.pages, region.first));
    }
    end = region.first + region.pages;
    regions.push_back({GfnRange{Gfn{region.first}, region.pages},
                       is_ram ? RegionKind::kRam : RegionKind::kBallooned});
  }
  if (end != guest_pages) return absl::DataLossError("simulated guest's regions end elsewhere");
  return MemoryMap::Create(std::move(regions));
}

std::vector<std::uint64_t> MachineFramesOf(std::span<const std::uint64_t> table,
                                           const MemoryMap& map) {
  std::vector<std::uint64_t> frames(map.page_count(), kNoMachineFrame);
  for (const MemoryRegion& region : map.regions()) {
    if (region.kind != RegionKind::kRam) continue;
    const auto ram = table.subspan(region.range.first.value, region.range.pages);
    std::copy(ram.begin(), ram.end(),
              frames.begin() + static_cast<std::ptrdiff_t>(region.range.first.value));
  }
  return frames;
}

absl::Status ClearHoles(int ram_fd, const Region& region, PageBitmap& resident) {
  absl::Status status;
  std::uint64_t data_end = 0;  // RAM pages from the last answer up to here have memory
  const auto gfn_of = [&region](std::uint64_t ram_page) {
    return Gfn{region.first + (ram_page - region.ram_page)};
  };
  resident.ForEachRun(GfnRange{Gfn{region.first}, region.pages}, [&](GfnRange run) {
    std::uint64_t at = region.ram_page + (run.first.value - region.first);
    const std::uint64_t end = at + run.pages;
    at = std::max(at, std::min(end, data_end));
    while (status.ok() && at < end) {
      const absl::StatusOr<std::uint64_t> data = SeekPage(ram_fd, at, SEEK_DATA);
      if (!data.ok()) {
        status = data.status();
        return;
      }
      const std::uint64_t hole_end = std::clamp(*data, at, end);
      resident.ClearRange(GfnRange{gfn_of(at), hole_end - at});
      at = hole_end;
      if (at == end) return;
      if (end - at <= kShortRunPages) {
        ++at;
        continue;
      }
      const absl::StatusOr<std::uint64_t> hole = SeekPage(ram_fd, at, SEEK_HOLE);
      if (!hole.ok()) {
        status = hole.status();
        return;
      }
      data_end = std::max(*hole, at + 1);
      at = std::min(end, data_end);
    }
  });
  return status;
}

absl::StatusOr<std::vector<VcpuState>> DecodeVcpus(const VcpusReply& reply) {
  if (reply.count == 0 || reply.count > kVcpusMax) {
    return absl::DataLossError(
        fmt::format("{} vCPUs claimed, 1 to {} possible", reply.count, kVcpusMax));
  }
  std::vector<VcpuState> states(reply.count);
  for (std::uint32_t i = 0; i < reply.count; ++i) {
    const Vcpu& vcpu = reply.vcpus[i];
    VcpuState& state = states[i];
    state.index = i;
    state.general = vcpu.general;
    state.rip = vcpu.rip;
    state.rflags = vcpu.rflags;
    state.cr0 = vcpu.cr0;
    state.cr2 = vcpu.cr2;
    state.cr3 = vcpu.cr3;
    state.cr4 = vcpu.cr4;
    state.efer = vcpu.efer;
    state.cs = FlatSegment(0x10, 0xa09b, 0);
    state.ss = FlatSegment(0x18, 0xc093, 0);
    state.ds = FlatSegment(0, 0xc093, 0);
    state.es = FlatSegment(0, 0xc093, 0);
    state.fs = FlatSegment(0, 0xc093, 0);
    state.gs = FlatSegment(0, 0xc093, vcpu.gs_base);
    state.gdt = {vcpu.gdt_base, vcpu.gdt_limit};
    state.idt = {vcpu.idt_base, vcpu.idt_limit};
    state.kernel_gs_base = vcpu.kernel_gs_base;
    state.star = vcpu.star;
    state.lstar = vcpu.lstar;
    state.sf_mask = vcpu.sf_mask;
  }
  return states;
}

}  // namespace stillframe::sim
