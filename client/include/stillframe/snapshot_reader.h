// One generation of one guest, held for reading: the same over gRPC and over mapped memory.
//
// The generation is pinned for the reader's life. Thread-compatible: one thread at a time, but any
// number of readers at once. Errors carry reasons (base/reason.h, listed in guest_service.proto);
// what a call delivered counts only if it returned OK (else READ_LOST_PIN).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "stillframe/flat_view.h"
#include "stillframe/v1/snapshot.pb.h"

namespace stillframe {

// Pages of one status that follow each other.
struct PageRun {
  GfnRange range;
  v1::PageStatus status = v1::PAGE_STATUS_UNSPECIFIED;
  std::span<const std::byte> bytes;  // present: range.bytes() of them, valid in the sink only
};

// What a sink is given. Anything but OK ends the call, which returns it.
using RunSink = std::function<absl::Status(const PageRun& run)>;
using ExtentSink = std::function<absl::Status(GfnRange extent)>;
using StatusExtentSink = std::function<absl::Status(GfnRange extent, v1::PageStatus status)>;

enum class EmptyRuns : std::uint8_t { kReport, kSkip };  // runs that are zero or absent

// One read of a batch: `destination` is set by the caller, the rest by ReadScatter.
struct ScatterRead {
  std::uint64_t address = 0;  // guest-physical, any alignment
  std::span<std::byte> destination;
  std::size_t copied = 0;  // less than asked for: what lies before the first absent page
  v1::PageStatus status = v1::PAGE_STATUS_UNSPECIFIED;  // PRESENT, or what that page is
};

class SnapshotReader {
 public:
  // Releases the pin.
  virtual ~SnapshotReader() = default;

  // With registers and memory map.
  virtual const v1::Snapshot& metadata() const = 0;

  // Hands every page of `ranges` to `sink`, in order, in runs no longer than 4 MiB. No ranges: the
  // whole snapshot. Blocks; a stop request ends it with CANCELLED. OUT_OF_RANGE with reason
  // RANGE_PAST_END when a range ends past metadata().page_count().
  virtual absl::Status ReadPages(std::span<const GfnRange> ranges, EmptyRuns empty,
                                 const RunSink& sink, std::stop_token stop = {}) = 0;

  // Fills in all of `reads`, at low latency. Zero pages read as zeros; absent ones end a read
  // early. OUT_OF_RANGE with reason RANGE_PAST_END. Any number and length of reads.
  virtual absl::Status ReadScatter(std::span<ScatterRead> reads) = 0;

  // All pages at one stretch of addresses. Over mapped memory it shows the arena and takes a few
  // microseconds per run of pages that lie together there; over gRPC it is read whole into memory
  // of the guest's size. Blocks; a stop request ends reading with CANCELLED.
  virtual absl::StatusOr<std::unique_ptr<FlatView>> OpenFlat(std::stop_token stop = {}) = 0;

  // The runs of one status, ascending, together covering every page.
  virtual absl::Status ForEachAllocatedExtent(const StatusExtentSink& sink,
                                              std::stop_token stop = {}) = 0;

  // The runs of pages whose content may differ from generation `base` of the same epoch,
  // ascending; runs closer than `coalesce_pages` are joined.
  virtual absl::Status ForEachChangedExtent(Generation base, std::uint64_t coalesce_pages,
                                            const ExtentSink& sink, std::stop_token stop = {}) = 0;

  // What CR3 and page-table entries call each page, kNoMachineFrame where that is nothing: one per
  // page. FAILED_PRECONDITION with reason NO_MACHINE_FRAMES when they name guest frames, as most
  // do (metadata().frame_space()). The guest's own values: any may be wrong.
  virtual absl::StatusOr<std::vector<std::uint64_t>> MachineFrames(std::stop_token stop = {}) = 0;

  // ReadScatter for one address. DATA_LOSS naming page and kind when part of it is absent.
  absl::Status ReadAt(std::uint64_t address, std::span<std::byte> destination);
};

// "present", "zero", "hole", "ballooned", "mmio", "unreadable".
const char* NameOf(v1::PageStatus status);

}  // namespace stillframe
