// One generation: everything known about a guest at one instant.
//
// Immutable, so thread-safe. Holding a SnapshotPtr keeps the object and its arena's memory, not
// the contents of its slots: only a pin (snapshot_store.h) keeps those from being recycled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/units.h"
#include "base/uuid.h"
#include "guest/guest.h"
#include "guest/memory_map.h"
#include "guest/vcpu_state.h"
#include "store/arena.h"
#include "store/machine_frames.h"
#include "store/page_map.h"

namespace stillframe {

// How the pages to copy were found.
enum class CaptureMethod : std::uint8_t { kFull, kDirtyLog, kCompare };

// What asked for the capture.
enum class CaptureTrigger : std::uint8_t { kPeriod, kRequest };

struct SnapshotMetadata {
  GuestIdentity guest;
  Epoch epoch;
  Generation generation;

  CaptureMethod method = CaptureMethod::kFull;
  Consistency consistency = Consistency::kQuasiInstantaneous;
  CaptureTrigger trigger = CaptureTrigger::kPeriod;

  std::uint64_t wall_ns = 0;         // when the pause began, since the Unix epoch
  std::uint64_t pause_begin_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t pause_end_ns = 0;

  // Every page counts in exactly one of present, zero and absent.
  std::uint64_t pages_total = 0;
  std::uint64_t pages_present = 0;
  std::uint64_t pages_zero = 0;
  std::uint64_t pages_absent = 0;

  std::uint64_t pages_copied = 0;   // in the pause
  std::uint64_t pages_changed = 0;  // against the previous generation
  std::uint64_t window_page_faults = 0;
  std::uint64_t pages_unchecked = 0;  // counted as changed without a look: the next capture was due
  std::uint64_t precopy_rounds = 0;   // of copying while the guest ran
  std::uint64_t precopy_pages = 0;    // copied in them, some more than once

  // Right after the pause; nullopt: the hypervisor does not tell.
  std::optional<std::uint64_t> pages_backend_mapped;

  FrameSpace frame_space = FrameSpace::kGuest;

  std::vector<VcpuState> vcpus;
  MemoryMap map;
};

struct Snapshot {
  SnapshotMetadata metadata;
  PageMap pages;
  std::shared_ptr<const MachineFrames> machine_frames;  // null unless frame_space is kMachine
  std::shared_ptr<Arena> arena;
  std::uint32_t liveness_index = 0;  // of this generation's word in the store's control page
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace stillframe
