#include "guest/xen/grant_table.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/units.h"

extern "C" {
#include <xen/grant_table.h>
#include <xen/memory.h>
}

namespace stillframe {
namespace {

// Xen's default bound is 64 frames (opt_max_grant_frames).
constexpr std::uint32_t kFramesMax = 4096;

bool IsWritableMapping(std::uint16_t flags, std::uint16_t status) {
  return (flags & GTF_type_mask) == GTF_permit_access && (status & GTF_writing) != 0;
}

// The guest and Xen write while we read.
template <typename Word>
Word Load(const Word& word) {
  return __atomic_load_n(&word, __ATOMIC_RELAXED);
}

}  // namespace

// Frames that Xen itself owns, mapped into this process.
struct GrantTable::Resource {
  Resource(const ForeignMemory& memory_in, xenforeignmemory_resource_handle* handle_in, void* at_in)
      : memory(memory_in), handle(handle_in), at(at_in) {}
  ~Resource() { xenforeignmemory_unmap_resource(memory.get(), handle); }
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;

  const ForeignMemory& memory;
  xenforeignmemory_resource_handle* const handle;
  const void* const at;
};

GrantTable::GrantTable(std::shared_ptr<XenControl> control, std::shared_ptr<ForeignMemory> memory)
    : control_(std::move(control)), memory_(std::move(memory)), domid_(memory_->domid()) {}

GrantTable::~GrantTable() = default;

absl::StatusOr<GrantTable::Shape> GrantTable::Ask() const {
  const int version = xc_gnttab_get_version(control_->get(), domid_);
  if (version < 0) {
    return XenStatus(-version, fmt::format("ask Xen for the grant table of domain {}", domid_));
  }
  gnttab_query_size size{};
  size.dom = static_cast<domid_t>(domid_);
  if (xc_gnttab_query_size(control_->get(), &size) != 0) {
    return XenStatus(errno, fmt::format("ask Xen for the grant table of domain {}", domid_));
  }
  if (size.status != GNTST_okay || size.nr_frames > kFramesMax) {
    return absl::UnavailableError(
        fmt::format("the grant table of domain {} makes no sense: {} frames, status {}", domid_,
                    size.nr_frames, size.status));
  }
  return Shape{version, size.nr_frames};
}

std::unique_ptr<GrantTable::Resource> GrantTable::Map(unsigned id, std::uint32_t frames) const {
  void* at = nullptr;
  xenforeignmemory_resource_handle* handle =
      xenforeignmemory_map_resource(memory_->get(), static_cast<domid_t>(domid_),
                                    XENMEM_resource_grant_table, id, 0, frames, &at, PROT_READ, 0);
  if (handle == nullptr) return nullptr;
  return std::make_unique<Resource>(*memory_, handle, at);
}

absl::Status GrantTable::Refresh() {
  SF_ASSIGN_OR_RETURN(const Shape now, Ask());
  if (now == shape_) return absl::OkStatus();
  shape_ = {};
  entries_ = nullptr;
  status_ = nullptr;
  if (now.frames > 0) {
    entries_ = Map(XENMEM_resource_grant_table_id_shared, now.frames);
    if (entries_ != nullptr && now.version == 2) {
      constexpr std::uint32_t kEntriesPerFrame = kPageBytes / sizeof(grant_entry_v2_t);
      constexpr std::uint32_t kStatusesPerFrame = kPageBytes / sizeof(grant_status_t);
      const std::uint32_t frames =
          (now.frames * kEntriesPerFrame + kStatusesPerFrame - 1) / kStatusesPerFrame;
      status_ = Map(XENMEM_resource_grant_table_id_status, frames);
    }
    if (entries_ == nullptr || (now.version == 2 && status_ == nullptr)) {
      return XenStatus(errno, fmt::format("map the grant table of domain {}", domid_));
    }
  }
  shape_ = now;
  return absl::OkStatus();
}

absl::Status GrantTable::ForEachWritable(absl::FunctionRef<void(std::uint64_t frame)> visit) const {
  SF_ASSIGN_OR_RETURN(const Shape now, Ask());
  if (now != shape_) {
    return absl::AbortedError("the guest's grant table grew since the last Refresh");
  }
  if (entries_ == nullptr) return absl::OkStatus();
  if (shape_.version == 2) {
    const auto* entries = static_cast<const grant_entry_v2_t*>(entries_->at);
    const auto* status = static_cast<const grant_status_t*>(status_->at);
    const std::size_t count = shape_.frames * (kPageBytes / sizeof *entries);
    for (std::size_t i = 0; i < count; ++i) {
      if (IsWritableMapping(Load(entries[i].hdr.flags), Load(status[i]))) {
        visit(Load(entries[i].full_page.frame));
      }
    }
    return absl::OkStatus();
  }
  const auto* entries = static_cast<const grant_entry_v1_t*>(entries_->at);
  const std::size_t count = shape_.frames * (kPageBytes / sizeof *entries);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t flags = Load(entries[i].flags);
    if (IsWritableMapping(flags, flags)) visit(Load(entries[i].frame));
  }
  return absl::OkStatus();
}

}  // namespace stillframe
