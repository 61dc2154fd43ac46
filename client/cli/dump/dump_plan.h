// Where everything goes in a dump file: computed from what a snapshot has where, before any byte
// is read. Pure functions; the formats know nothing of gRPC or of files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/units.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe::cli {

// What a snapshot has where, ascending, without gaps between (SnapshotReader's extents).
struct StatusExtent {
  GfnRange range;
  v1::PageStatus status = v1::PAGE_STATUS_UNSPECIFIED;
};

// Guest pages that lie together in the file.
struct DumpSegment {
  GfnRange range;
  std::uint64_t offset = 0;
};

// Bytes of the format's own.
struct DumpHeader {
  std::uint64_t offset = 0;
  std::vector<std::byte> bytes;
};

// Headers and segments ascend and do not overlap; what neither covers reads as zeros.
struct DumpPlan {
  std::vector<DumpHeader> headers;
  std::vector<DumpSegment> segments;
  std::uint64_t file_bytes = 0;
};

// File offset = guest-physical address; pages that are absent are holes.
DumpPlan PlanRaw(std::span<const StatusExtent> extents);

// LiME: a header before each run of pages that have bytes.
DumpPlan PlanLime(std::span<const StatusExtent> extents);

// ELF64 core as QEMU's dump-guest-memory writes it without paging: a program header per run of
// pages that have bytes, virtual = physical address; for every vCPU a CORE and a QEMU note.
DumpPlan PlanElf(std::span<const StatusExtent> extents, const v1::Snapshot& snapshot);

// The maximal runs of pages that have bytes (present or zero).
std::vector<GfnRange> ResidentRanges(std::span<const StatusExtent> extents);

}  // namespace stillframe::cli
