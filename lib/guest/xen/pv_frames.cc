#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/status.h"
#include "guest/xen/frame_source.h"
#include "guest/xen/pv_p2m.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kHolePagesMax = std::uint64_t{1} << 20;  // e820_host: the PCI hole, 4 GiB

class PvFrames final : public FrameSource {
 public:
  PvFrames(std::shared_ptr<XenControl> control, std::shared_ptr<ForeignMemory> memory)
      : control_(std::move(control)), memory_(std::move(memory)), domid_(memory_->domid()) {}

  const PageBitmap& known() const override { return known_; }

  absl::StatusOr<std::unique_ptr<FrameTable>> Look(const Domain& domain,
                                                   const SharedMemory& mapped) override {
    SF_RETURN_IF_ERROR(FindTable(domain));
    std::vector<std::uint64_t> machine = ReadTable();
    const bool same = mapped != nullptr && domain.pages <= pages_ && machine == *machine_;
    pages_ = domain.pages;
    if (same) return nullptr;
    auto table = std::make_unique<FrameTable>();
    table->present.Resize(machine.size());
    for (std::uint64_t pfn = 0; pfn < machine.size(); ++pfn) {
      if (machine[pfn] != kNoMachineFrame) table->present.Set(Gfn{pfn});
    }
    known_.Resize(machine.size());
    known_.Or(table->present);
    machine_ = std::make_shared<const std::vector<std::uint64_t>>(std::move(machine));
    table->machine = machine_;
    table->guest = std::make_shared<const MachineToGuest>(*machine_);
    return table;
  }

  absl::Status Check(const Domain& domain) override {
    if (domain.pages <= pages_ && TableHolds()) return absl::OkStatus();
    return absl::AbortedError("the guest's memory came or went since the last Refresh");
  }

 private:
  absl::Status ReadPage(std::uint64_t mfn, std::span<std::uint64_t, kP2mEntries> to) {
    const xen_pfn_t frame = mfn;
    SF_ASSIGN_OR_RETURN(const ForeignPages page, ForeignPages::Map(memory_, {&frame, 1}));
    if (page.missing(0)) {
      return absl::FailedPreconditionError(
          fmt::format("machine frame {:#x} is not the guest's", mfn));
    }
    std::memcpy(to.data(), page.at(0), kPageBytes);
    return absl::OkStatus();
  }

  // Maps the pages of the guest's table, unless the same ones are mapped already.
  absl::Status FindTable(const Domain& domain) {
    unsigned width = 0;
    if (xc_domain_get_guest_width(control_->get(), domid_, &width) != 0) {
      return XenStatus(errno, fmt::format("ask Xen for the word size of domain {}", domid_));
    }
    if (width != sizeof(std::uint64_t)) {
      return absl::FailedPreconditionError("32-bit PV guests are not supported; run it as PVH");
    }
    alignas(shared_info_x86_64_t) std::array<std::uint64_t, kP2mEntries> page{};
    SF_RETURN_IF_ERROR(
        Annotate(ReadPage(domain.shared_info_frame, page), "read the PV guest's shared info"));
    shared_info_x86_64_t info{};
    std::memcpy(&info, page.data(), sizeof info);
    const P2mAnchor anchor{info.arch.pfn_to_mfn_frame_list_list, info.arch.max_pfn,
                           info.arch.p2m_cr3, info.arch.p2m_vaddr};
    SF_ASSIGN_OR_RETURN(
        std::vector<std::uint64_t> frames,
        FindP2mPages(anchor, domain.pages_max * 2 + kHolePagesMax,
                     [this](std::uint64_t mfn, std::span<std::uint64_t, kP2mEntries> to) {
                       return ReadPage(mfn, to);
                     }));
    if (table_ != nullptr && frames == table_frames_ && anchor == anchor_) return absl::OkStatus();
    SF_ASSIGN_OR_RETURN(ForeignPages mapped, ForeignPages::Map(memory_, frames));
    for (std::size_t i = 0; i < mapped.size(); ++i) {
      if (mapped.missing(i)) {
        return absl::UnavailableError(
            fmt::format("page {} of the PV guest's p2m table is at "
                        "machine frame {:#x}, which is not the guest's",
                        i, frames[i]));
      }
    }
    table_ = std::make_unique<ForeignPages>(std::move(mapped));
    table_frames_ = std::move(frames);
    anchor_ = anchor;
    return absl::OkStatus();
  }

  std::uint64_t Entry(std::uint64_t pfn) const {
    // The guest may write while we read; each entry is one aligned word.
    const auto* entries = reinterpret_cast<const std::uint64_t*>(table_->at(pfn / kP2mEntries));
    return MachineFrameOf(__atomic_load_n(&entries[pfn % kP2mEntries], __ATOMIC_RELAXED));
  }

  std::vector<std::uint64_t> ReadTable() const {
    std::vector<std::uint64_t> machine(anchor_.pfns);
    for (std::uint64_t pfn = 0; pfn < machine.size(); ++pfn) machine[pfn] = Entry(pfn);
    return machine;
  }

  bool TableHolds() const {
    for (std::uint64_t pfn = 0; pfn < machine_->size(); ++pfn) {
      if (Entry(pfn) != (*machine_)[pfn]) return false;
    }
    return true;
  }

  const std::shared_ptr<XenControl> control_;
  const std::shared_ptr<ForeignMemory> memory_;
  const std::uint32_t domid_;
  P2mAnchor anchor_;
  std::vector<std::uint64_t> table_frames_;
  std::unique_ptr<ForeignPages> table_;  // the table itself, live
  std::shared_ptr<const std::vector<std::uint64_t>> machine_ =
      std::make_shared<const std::vector<std::uint64_t>>();  // what it said at the last Look
  PageBitmap known_;
  std::uint64_t pages_ = 0;
};

}  // namespace

std::unique_ptr<FrameSource> TrackPvFrames(std::shared_ptr<XenControl> control,
                                           std::shared_ptr<ForeignMemory> memory) {
  return std::make_unique<PvFrames>(std::move(control), std::move(memory));
}

}  // namespace stillframe
