#include "dump/dump_plan.h"

#include "dump/bytes_out.h"

namespace stillframe::cli {
namespace {

// LiME header version 1 (lime.h): magic, version, first and last address, reserved.
constexpr std::uint32_t kLimeMagic = 0x4c694d45;
constexpr std::uint64_t kLimeHeaderBytes = 32;

}  // namespace

std::vector<GfnRange> ResidentRanges(std::span<const StatusExtent> extents) {
  std::vector<GfnRange> ranges;
  for (const StatusExtent& extent : extents) {
    const bool resident =
        extent.status == v1::PAGE_STATUS_PRESENT || extent.status == v1::PAGE_STATUS_ZERO;
    if (!resident || extent.range.empty()) continue;
    if (!ranges.empty() && ranges.back().end() == extent.range.first) {
      ranges.back().pages += extent.range.pages;
    } else {
      ranges.push_back(extent.range);
    }
  }
  return ranges;
}

DumpPlan PlanRaw(std::span<const StatusExtent> extents) {
  DumpPlan plan;
  for (const GfnRange& range : ResidentRanges(extents)) {
    plan.segments.push_back({range, range.first.address()});
  }
  if (!extents.empty()) plan.file_bytes = extents.back().range.end().address();
  return plan;
}

DumpPlan PlanLime(std::span<const StatusExtent> extents) {
  DumpPlan plan;
  for (const GfnRange& range : ResidentRanges(extents)) {
    BytesOut header;
    header.U32(kLimeMagic).U32(1).U64(range.first.address());
    header.U64(range.end().address() - 1).Zeros(8);
    plan.headers.push_back({plan.file_bytes, std::move(header).Take()});
    plan.segments.push_back({range, plan.file_bytes + kLimeHeaderBytes});
    plan.file_bytes += kLimeHeaderBytes + range.bytes();
  }
  return plan;
}

}  // namespace stillframe::cli
