#include "guest/xen/xen_guest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "guest/xen/transfer.h"
#include "guest/xen/written_by_xen.h"
#include "guest/xen/xen_c.h"

namespace stillframe {

struct XenGuest::View final : GuestView {
  std::shared_ptr<const XenMemory> memory;
};

absl::StatusOr<std::unique_ptr<Guest>> XenGuest::Open(GuestIdentity identity, std::uint32_t domid) {
  SF_ASSIGN_OR_RETURN(std::shared_ptr<XenControl> control, XenControl::Open());
  std::unique_ptr<XenGuest> guest(new XenGuest(std::move(identity), std::move(control)));
  SF_ASSIGN_OR_RETURN(const Domain domain, ReadDomain(guest->control_->get(), domid));
  if (domain.id != guest->identity_.id || domain.dying) {
    return absl::NotFoundError(fmt::format("domain {} is not the guest any more", domid));
  }
  SF_RETURN_IF_ERROR(guest->Adopt(domain));
  if (!IsInTransfer(domid)) {
    SF_ASSIGN_OR_RETURN(guest->has_log_, guest->log_->TakeOver());
  }
  return std::unique_ptr<Guest>(std::move(guest));
}

XenGuest::XenGuest(GuestIdentity identity, std::shared_ptr<XenControl> control)
    : identity_(std::move(identity)), control_(std::move(control)) {}

XenGuest::~XenGuest() {
  static_cast<void>(Resume());
  if (log_ != nullptr && IsInTransfer(domid_)) log_->Abandon();
}

GuestCapabilities XenGuest::capabilities() const {
  GuestCapabilities capabilities;
  capabilities.dirty_log = has_log_;
  return capabilities;
}

absl::Status XenGuest::Adopt(const Domain& domain) {
  Forget();
  SF_ASSIGN_OR_RETURN(foreign_, ForeignMemory::Open(domain.domid));
  domid_ = domain.domid;
  ++boots_;
  log_ = std::make_unique<LogDirty>(
      control_, domid_, domain.emulated ? std::optional(DeviceModel(domid_)) : std::nullopt);
  grants_ = std::make_unique<GrantTable>(control_, foreign_);
  frames_ = domain.translated ? TrackTranslatedFrames(control_, domid_)
                              : TrackPvFrames(control_, foreign_);
  ticket_.backend = Backend::kXen;
  ticket_.guest = identity_.id;
  ticket_.instance = domid_;
  ticket_.connection = 0;
  ticket_.SetAddress("");
  return absl::OkStatus();
}

// Mapped pages would keep a dead domain's memory.
void XenGuest::Forget() {
  view_ = nullptr;
  memory_ = nullptr;
  frames_ = nullptr;
  grants_ = nullptr;
  foreign_ = nullptr;
  if (log_ != nullptr) log_->Abandon();
  log_ = nullptr;
}

absl::StatusOr<Domain> XenGuest::Current() const {
  absl::StatusOr<Domain> domain = ReadDomain(control_->get(), domid_);
  if (domain.ok() && domain->id == identity_.id && !domain->dying) return domain;
  if (!domain.ok() && !absl::IsNotFound(domain.status())) return domain;
  const auto all = ReadDomains(control_->get());
  if (all.ok() && FindLiving(*all, identity_.id).has_value()) {
    return absl::AbortedError(fmt::format("guest {} rebooted", identity_.name));
  }
  return absl::NotFoundError(fmt::format("guest {}: domain {} is gone", identity_.name, domid_));
}

absl::StatusOr<Domain> XenGuest::Follow() {
  absl::StatusOr<Domain> domain = Current();
  if (domain.ok()) return domain;
  if (absl::IsNotFound(domain.status())) Forget();
  if (!absl::IsAborted(domain.status())) return domain;
  SF_ASSIGN_OR_RETURN(const std::vector<Domain> all, ReadDomains(control_->get()));
  const std::optional<Domain> successor = FindLiving(all, identity_.id);
  if (!successor.has_value()) return domain;
  SF_RETURN_IF_ERROR(Adopt(*successor));
  return *successor;
}

absl::StatusOr<std::shared_ptr<const GuestView>> XenGuest::Refresh() {
  SF_ASSIGN_OR_RETURN(const Domain domain, Follow());
  if (frames_ == nullptr) SF_RETURN_IF_ERROR(Adopt(domain));
  if (domain.never_ran) {
    return absl::UnavailableError(
        fmt::format("guest {}: the toolstack still builds it", identity_.name));
  }
  if (IsInTransfer(domid_)) {
    log_->Abandon();
    return absl::UnavailableError(
        fmt::format("guest {}: it is saved or migrated now", identity_.name));
  }
  SF_ASSIGN_OR_RETURN(has_log_, log_->TakeOver());
  SF_RETURN_IF_ERROR(Annotate(RefreshMemory(domain), fmt::format("guest {}", identity_.name)));
  if (has_log_) {
    SF_RETURN_IF_ERROR(log_->Prepare(memory_->map.page_count()));
    LearnXensPages();
  }
  sees_grants_ = grants_->Refresh().ok();
  FindUnloggedFrames(domain);
  vcpus_.Prepare(domain);
  // A guest that somebody else stopped is not to be resumed, not even by the guardian.
  ticket_.SetAddress(domain.paused ? "" : fmt::format("/local/domain/{}", domid_));
  if (view_ != nullptr && view_->state == domain.state && view_->boot == boots_ &&
      view_->vcpus == domain.vcpus_online && view_->memory == memory_) {
    return view_;
  }
  auto view = std::make_shared<View>();
  view->state = domain.state;
  view->boot = boots_;
  view->vcpus = domain.vcpus_online;
  view->map = memory_->map;
  view->extents = memory_->extents;
  view->machine_frames = memory_->frames.machine;
  view->memory = memory_;
  view_ = std::move(view);
  return view_;
}

absl::Status XenGuest::RefreshMemory(const Domain& domain) {
  SF_ASSIGN_OR_RETURN(std::unique_ptr<FrameTable> table, frames_->Look(domain, memory_));
  if (table == nullptr) return absl::OkStatus();
  memory_ = nullptr;
  SF_ASSIGN_OR_RETURN(memory_, XenMemory::Map(foreign_, *std::move(table), frames_->known()));
  return absl::OkStatus();
}

// Looks at live memory: what makes a page Xen's does not change while it is.
void XenGuest::LearnXensPages() {
  const std::uint64_t pages = memory_->map.page_count();
  if (xens_.size() != pages) {
    xens_ = PageBitmap(pages);
    unexamined_ = PageBitmap(pages);
    unexamined_.SetRange({Gfn{0}, pages});
  }
  recent_.Resize(pages);
  fetched_.Resize(pages);
  for (const MappedExtent& extent : memory_->extents) {
    unexamined_.ForEachRun(extent.range, [&](GfnRange run) {
      for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) {
        const std::byte* at = extent.at + (gfn.value - extent.range.first.value) * kPageBytes;
        if (IsWrittenByXen(std::span<const std::byte, kPageBytes>(at, kPageBytes))) {
          xens_.Set(gfn);
        } else {
          xens_.Clear(gfn);
        }
      }
    });
  }
  unexamined_.ClearAll();
}

// The rings of dom0's daemons and device models, should they not be granted.
void XenGuest::FindUnloggedFrames(const Domain& domain) {
  unlogged_.clear();
  if (!has_log_ || !domain.translated) return;
  for (const std::uint32_t parameter :
       {HVM_PARAM_STORE_PFN, HVM_PARAM_CONSOLE_PFN, HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN}) {
    std::uint64_t gfn = 0;
    if (xc_hvm_param_get(control_->get(), domid_, parameter, &gfn) == 0 && gfn != 0) {
      unlogged_.push_back(Gfn{gfn});
    }
  }
}

absl::Status XenGuest::Pause() {
  SF_ASSIGN_OR_RETURN(const Domain before, Current());
  if (before.paused) {
    hold_ = Hold::kForeign;
    hold_cpu_time_ns_ = before.cpu_time_ns;
    return absl::OkStatus();
  }
  if (ticket_.Address().empty()) {
    return absl::AbortedError(
        fmt::format("pause guest {}: somebody resumed it since the last Refresh", identity_.name));
  }
  if (xc_domain_pause(control_->get(), domid_) != 0) {
    return XenStatus(errno, fmt::format("pause guest {}", identity_.name));
  }
  hold_ = Hold::kOurs;
  SF_ASSIGN_OR_RETURN(const Domain after, Current());
  hold_cpu_time_ns_ = after.cpu_time_ns;
  return absl::OkStatus();
}

absl::Status XenGuest::Resume() {
  if (hold_ == Hold::kNone) return absl::OkStatus();
  const absl::StatusOr<Domain> now = Current();
  bool stood = now.ok() && now->cpu_time_ns == hold_cpu_time_ns_;
  if (hold_ == Hold::kForeign) {
    stood = stood && now->paused;
  } else if (xc_domain_unpause(control_->get(), domid_) != 0) {
    // EINVAL: nobody's pause is left to drop, so ours was dropped by somebody else.
    if (errno != EINVAL && errno != ESRCH) {
      return XenStatus(errno, fmt::format("resume guest {}", identity_.name));
    }
    stood = false;
  }
  hold_ = Hold::kNone;
  SF_RETURN_IF_ERROR(now.status());
  if (stood) return absl::OkStatus();
  return absl::AbortedError(
      fmt::format("guest {} was resumed by somebody else during the pause", identity_.name));
}

absl::StatusOr<DirtyAnswer> XenGuest::FetchDirty(PageBitmap& dirty) {
  if (view_ == nullptr) return absl::FailedPreconditionError("no view of the guest yet: Refresh");
  SF_ASSIGN_OR_RETURN(const Domain domain, Current());
  SF_RETURN_IF_ERROR(frames_->Check(domain));
  fetched_.ClearAll();
  SF_ASSIGN_OR_RETURN(DirtyAnswer answer, log_->Fetch(fetched_));
  const std::uint64_t ran_ns = domain.cpu_time_ns - fetch_cpu_time_ns_;
  fetch_cpu_time_ns_ = domain.cpu_time_ns;
  if (answer == DirtyAnswer::kUnknown) {
    recent_.SetAll();
  } else {
    recent_.Note(fetched_, ran_ns);
    // Not for a guest that somebody else paused: it would be copied whole each time.
    if (recent_.all() && hold_ == Hold::kOurs) answer = DirtyAnswer::kUnknown;
  }
  if (answer == DirtyAnswer::kUnknown) {
    unexamined_.SetRange({Gfn{0}, unexamined_.size()});
    return answer;
  }
  unexamined_.Or(fetched_);
  dirty.Or(fetched_);
  if (hold_ == Hold::kNone) return answer;  // pre-copy: the pause copies the rest
  recent_.AddTo(dirty);
  dirty.Or(xens_);
  for (const Gfn gfn : unlogged_) {
    if (gfn.value < dirty.size()) dirty.Set(gfn);
  }
  if (sees_grants_) SF_RETURN_IF_ERROR(MarkBackendPages(dirty));
  return answer;
}

absl::Status XenGuest::MarkBackendPages(PageBitmap& dirty) const {
  return grants_->ForEachWritable([&](std::uint64_t frame) {
    const std::optional<Gfn> gfn = memory_->frames.GuestFrame(frame);
    if (gfn.has_value() && gfn->value < dirty.size()) dirty.Set(*gfn);
  });
}

std::optional<std::uint64_t> XenGuest::CountBackendPages() {
  if (!sees_grants_) return std::nullopt;
  std::vector<std::uint64_t> frames;
  const absl::Status looked =
      grants_->ForEachWritable([&](std::uint64_t frame) { frames.push_back(frame); });
  if (!looked.ok()) return std::nullopt;
  std::sort(frames.begin(), frames.end());
  const auto end = std::unique(frames.begin(), frames.end());
  return static_cast<std::uint64_t>(end - frames.begin());
}

std::uint64_t XenGuest::EstimateDirty() {
  if (log_ == nullptr || view_ == nullptr) return 0;
  if (!log_->complete() || recent_.all()) return view_->map.readable_pages();
  return log_->Peek() + recent_.Count() + unlogged_.size();
}

absl::Status XenGuest::FetchVcpus() {
  SF_ASSIGN_OR_RETURN(const Domain domain, Current());
  return vcpus_.Fetch(control_->get(), domain);
}

absl::StatusOr<std::vector<VcpuState>> XenGuest::DecodeVcpus() { return vcpus_.Decode(); }

}  // namespace stillframe
