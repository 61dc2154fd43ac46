// One guest as a backend shows it: the seam between Stillframe and hypervisors.
//
// Owned by one thread (the guest's capture worker). Calls may block for as long as the hypervisor
// takes, but a backend bounds each by a time-out of its own (DEADLINE_EXCEEDED). Between Pause
// and Resume only the members marked [window] are called, and those neither allocate, log nor
// fault on fresh memory.
//
// Errors any member may return: NOT_FOUND, the guest is gone for good; UNAVAILABLE, it cannot be
// reached now; ABORTED, it changed underneath (rebooted, ballooned): Refresh and try again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"
#include "base/uuid.h"
#include "guest/memory_map.h"
#include "guest/page_bitmap.h"
#include "guest/resume_ticket.h"
#include "guest/vcpu_state.h"

namespace stillframe {

struct GuestIdentity {
  GuestId id;
  std::string name;
  Backend backend = Backend::kNone;
};

enum class RunState : std::uint8_t { kRunning, kPaused, kShutDown, kCrashed };

std::string_view NameOf(RunState state);

// How exact the instant of a snapshot is (terms of Ottmann et al., arXiv 2505.15921).
enum class Consistency : std::uint8_t {
  kInstantaneous,       // nothing could write while the guest was paused
  kQuasiInstantaneous,  // a device or backend with a write in flight may have landed in the pause
};

std::string_view NameOf(Consistency consistency);

// What CR3 and the entries of page tables name.
enum class FrameSpace : std::uint8_t {
  kGuest,    // guest frames
  kMachine,  // the host's own frames (Xen PV)
};

struct GuestCapabilities {
  bool dirty_log = false;  // FetchDirty can tell; else every capture copies all resident pages

  // FetchDirty also tells while the guest runs. Else it does in a pause only, so there is no
  // pre-copy.
  bool dirty_log_live = true;

  // Why there is no dirty log, or what limits it, and what to change; empty: nothing to say.
  std::string dirty_log_remark = {};

  Consistency consistency = Consistency::kQuasiInstantaneous;
};

// Guest memory that is mapped into this process. The bytes change while the guest runs.
struct MappedExtent {
  GfnRange range;
  const std::byte* at = nullptr;
};

// What Refresh saw. Holding it keeps the mappings alive; drop it as soon as the guest is gone.
struct GuestView {
  virtual ~GuestView() = default;

  RunState state = RunState::kRunning;
  std::uint64_t boot = 0;  // another number: the guest booted anew since the last view
  std::uint32_t vcpus = 0;
  MemoryMap map;
  std::vector<MappedExtent> extents;  // ascending; cover exactly the map's RAM and ROM

  // For FrameSpace::kMachine, the machine frame of each guest frame or kNoMachineFrame: at least
  // map.page_count() entries, the same object in every view for as long as none changes. Null: the
  // page tables name guest frames.
  std::shared_ptr<const std::vector<std::uint64_t>> machine_frames;
};

// How FetchDirty came by its answer.
enum class DirtyAnswer : std::uint8_t {
  kLogged,   // exactly the pages written since the last fetch, perhaps some more
  kUnknown,  // no log, or it was interrupted: any page may have changed
};

class Guest {
 public:
  virtual ~Guest() = default;

  virtual const GuestIdentity& identity() const = 0;
  virtual GuestCapabilities capabilities() const = 0;

  // Re-reads run state, boot and memory map, remaps what changed, (re)starts the dirty log where
  // there is one. Returns the very same view when nothing changed.
  virtual absl::StatusOr<std::shared_ptr<const GuestView>> Refresh() = 0;

  // For the guardian: how to resume this guest without this process. The descriptor (-1: none) is
  // borrowed, and valid until the next Refresh.
  virtual ResumeTicket resume_ticket() const = 0;
  virtual int resume_fd() const { return -1; }

  // Stops all vCPUs; returns when they stand. A guest that somebody else stopped stays theirs:
  // Pause succeeds and Resume leaves it stopped. After an error the guest may be paused: the
  // caller resumes.
  virtual absl::Status Pause() = 0;

  // After Pause: whether Resume will let the guest run. False when somebody else had stopped it
  // before; then the guardian must not resume it either. [window]
  virtual bool pause_is_ours() const { return true; }

  // Drops the pause of this object, and only that. Idempotent. ABORTED when the guest did not
  // stand still all the while (somebody resumed it): what was copied is torn. [window]
  virtual absl::Status Resume() = 0;

  // ORs into `dirty` the frames written since the last successful fetch and forgets them in the
  // log. kUnknown leaves `dirty` as it is. ABORTED when the memory map is no longer the view's.
  // `dirty` has view->map.page_count() bits. Also called while the guest runs: of a page that is
  // written at that moment, this or the next call tells. [window]
  virtual absl::StatusOr<DirtyAnswer> FetchDirty(PageBitmap& dirty) = 0;

  // Clears from `resident` the frames that the last FetchDirty found without host memory at hand:
  // it was given back, or swapped out. What is left need not be asked about again. [window]
  virtual void ForgetVanished(PageBitmap& resident) { static_cast<void>(resident); }

  // How many frames FetchDirty would report now, without forgetting them; 0 when unknown.
  virtual std::uint64_t EstimateDirty() { return 0; }

  // Clears from `resident` the frames that have no host memory behind them and read as zeros;
  // touching those through the mapping would allocate them. [window]
  virtual absl::Status FilterResident(PageBitmap& resident) {
    static_cast<void>(resident);
    return absl::OkStatus();
  }

  // How many pages backends (device emulators, other domains by grants) have mapped writable now:
  // those may still change though all vCPUs stand. nullopt: this hypervisor does not tell.
  virtual std::optional<std::uint64_t> CountBackendPages() { return std::nullopt; }

  // Reads all vCPUs' registers into memory that is held already. [window]
  virtual absl::Status FetchVcpus() = 0;

  // What the last FetchVcpus read, decoded. DATA_LOSS when the hypervisor's reply makes no sense.
  virtual absl::StatusOr<std::vector<VcpuState>> DecodeVcpus() = 0;
};

}  // namespace stillframe
