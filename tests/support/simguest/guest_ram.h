// A simulated guest's RAM: a memfd, where it lies in the guest's address space, its dirty log.
//
// vCPU threads read and write pages; all else is called while they are parked.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mapping.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "guest/page_bitmap.h"
#include "guest/sim/sim_wire.h"

namespace stillframe::sim {

// RAM pages are numbered 0, 1, 2... through the file; holes only shift their frame numbers.
class GuestRam {
 public:
  // `holes` ascend and do not overlap; RAM continues behind each.
  static absl::StatusOr<GuestRam> Create(std::uint64_t pages, const std::vector<GfnRange>& holes);

  std::uint64_t pages() const { return pages_; }
  std::uint64_t guest_pages() const { return guest_pages_; }
  Gfn GfnOf(std::uint64_t ram_page) const;

  // From now on page tables name machine frames, dealt at random, as in a Xen PV guest.
  absl::Status DealMachineFrames(std::uint64_t seed);

  // The address by which page tables name the page.
  std::uint64_t TableAddressOf(std::uint64_t ram_page) const;

  // The page, or null while it is ballooned out.
  const std::byte* Read(std::uint64_t ram_page) const {
    return IsBallooned(ram_page) ? nullptr : at(ram_page);
  }

  // Calls `store(std::byte* page)`, then logs the page as dirty. Does nothing while it is ballooned
  // out. The bit is set after the stores, by a full barrier: whoever fetches it sees them, and a
  // store that a fetch came too early for sets the bit again.
  template <typename Store>
  void Write(std::uint64_t ram_page, Store&& store) {
    if (IsBallooned(ram_page)) return;
    store(at(ram_page));
    const std::uint64_t gfn = GfnOf(ram_page).value;
    log()[gfn / 64].fetch_or(std::uint64_t{1} << (gfn % 64));
  }

  // Takes `range` away and frees its memory, or gives it back as zeros. INVALID_ARGUMENT unless all
  // of it is RAM; RESOURCE_EXHAUSTED when the map would have too many regions.
  absl::Status BalloonOut(GfnRange range);
  absl::Status BalloonIn(GfnRange range);
  bool HasBalloon() const { return ballooned_.Count() != 0; }

  // All zeros, nothing ballooned out, everything dirty.
  absl::Status Clear();
  void LogAll();

  // The memory map as the wire tells it: regions, region_count.
  void Describe(DescribeReply& reply) const;

  int ram_fd_read_only() const { return ram_fd_read_only_.get(); }
  int log_fd() const { return log_fd_.get(); }
  int machine_frames_fd() const { return machine_frames_fd_.get(); }  // -1: there are none

 private:
  std::byte* at(std::uint64_t ram_page) const { return ram_.data() + ram_page * kPageBytes; }
  std::atomic<std::uint64_t>* log() const {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(log_.data());
  }
  bool IsBallooned(std::uint64_t ram_page) const {
    return has_balloon_ && ballooned_.Test(GfnOf(ram_page));
  }
  absl::StatusOr<Region> RegionAround(GfnRange range) const;
  std::vector<Region> Regions() const;

  std::uint64_t pages_ = 0;
  std::uint64_t guest_pages_ = 0;
  std::vector<Region> banks_;  // RAM between holes, ballooned out or not
  PageBitmap ballooned_;       // by gfn
  bool has_balloon_ = false;
  std::vector<std::uint64_t> machine_frames_;  // by gfn; empty: page tables name gfns
  UniqueFd ram_fd_, ram_fd_read_only_, log_fd_, machine_frames_fd_;
  Mapping ram_, log_;
};

}  // namespace stillframe::sim
