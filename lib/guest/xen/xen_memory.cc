#include "guest/xen/xen_memory.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

// As many as libxenguest maps at once; more only to stay far below the 65530 mappings that a
// process may have.
constexpr std::uint64_t kPagesPerCall = 1024;
constexpr std::uint64_t kCallsMax = 16384;

// Adds page `index` of `pages`, which is frame `gfn`, to the last extent or begins another.
void AppendPage(std::vector<MappedExtent>& extents, Gfn gfn, const std::byte* at) {
  if (!extents.empty()) {
    MappedExtent& last = extents.back();
    if (last.range.end() == gfn && last.at + last.range.bytes() == at) {
      ++last.range.pages;
      return;
    }
  }
  extents.push_back({{gfn, 1}, at});
}

void AppendRuns(std::vector<MemoryRegion>& regions, const PageBitmap& which, RegionKind kind) {
  which.ForEachRun({Gfn{0}, which.size()}, [&](GfnRange run) { regions.push_back({run, kind}); });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const XenMemory>> XenMemory::Map(
    const std::shared_ptr<ForeignMemory>& foreign, FrameTable frames, const PageBitmap& known) {
  auto memory = std::make_shared<XenMemory>();
  const PageBitmap& present = frames.present;
  const std::uint64_t batch = std::max(kPagesPerCall, present.Count() / kCallsMax + 1);
  PageBitmap mapped(present.size());
  std::vector<Gfn> gfns;
  std::vector<xen_pfn_t> xen_frames;
  absl::Status status;
  auto flush = [&]() -> absl::Status {
    if (gfns.empty()) return absl::OkStatus();
    SF_ASSIGN_OR_RETURN(ForeignPages pages, ForeignPages::Map(foreign, xen_frames));
    for (std::size_t i = 0; i < gfns.size(); ++i) {
      if (pages.missing(i)) continue;
      mapped.Set(gfns[i]);
      AppendPage(memory->extents, gfns[i], pages.at(i));
    }
    memory->mappings.push_back(std::move(pages));
    gfns.clear();
    xen_frames.clear();
    return absl::OkStatus();
  };
  present.ForEachRun({Gfn{0}, present.size()}, [&](GfnRange run) {
    for (Gfn gfn = run.first; gfn < run.end() && status.ok(); gfn = gfn + 1) {
      gfns.push_back(gfn);
      xen_frames.push_back(frames.XenFrame(gfn));
      if (gfns.size() == batch) status = flush();
    }
  });
  if (status.ok()) status = flush();
  SF_RETURN_IF_ERROR(status);

  std::vector<MemoryRegion> regions;
  AppendRuns(regions, mapped, RegionKind::kRam);
  PageBitmap rest = present;
  rest.AndNot(mapped);
  AppendRuns(regions, rest, RegionKind::kUnreadable);
  rest = known;
  rest.Resize(present.size());
  rest.AndNot(present);
  AppendRuns(regions, rest, RegionKind::kBallooned);
  SF_ASSIGN_OR_RETURN(memory->map, MemoryMap::Create(std::move(regions)));
  memory->frames = std::move(frames);
  return memory;
}

}  // namespace stillframe
