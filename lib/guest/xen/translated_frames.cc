#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/status.h"
#include "guest/xen/frame_source.h"
#include "guest/xen/gfn_probe.h"
#include "guest/xen/xen_store.h"

// Exported by libxenctrl, declared in no public header (xc_private.h, 4.17).
extern "C" int xc_get_pfn_type_batch(xc_interface* xch, uint32_t dom, unsigned int num, xen_pfn_t*);

namespace stillframe {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// How long a balloon driver may take to follow a new target; then only the slow audit goes on.
constexpr seconds kSettling{30};
constexpr std::uint64_t kAuditPages = 16384;

TypeSource AskXen(std::shared_ptr<XenControl> control, std::uint32_t domid) {
  static_assert(sizeof(xen_pfn_t) == sizeof(std::uint64_t));
  return [control = std::move(control), domid](std::span<std::uint64_t> gfns) -> absl::Status {
    if (xc_get_pfn_type_batch(control->get(), domid, static_cast<unsigned>(gfns.size()),
                              gfns.data()) != 0) {
      return XenStatus(errno, fmt::format("ask Xen for the types of {} frames of domain {}",
                                          gfns.size(), domid));
    }
    return absl::OkStatus();
  };
}

// A page that the guest gives away while we have it mapped stays counted, and one that comes in
// its place is counted too. So the expected count means that every mapped page is the one that the
// guest sees, and another one that any of them may not be.
class TranslatedFrames final : public FrameSource {
 public:
  TranslatedFrames(std::shared_ptr<XenControl> control, std::uint32_t domid)
      : control_(std::move(control)), domid_(domid), probe_(AskXen(control_, domid)) {}

  const PageBitmap& known() const override { return probe_.known(); }

  absl::StatusOr<std::unique_ptr<FrameTable>> Look(const Domain& domain,
                                                   const SharedMemory& mapped) override {
    xen_pfn_t gfns = 0;
    if (xc_domain_nr_gpfns(control_->get(), domid_, &gfns) != 0) {
      return XenStatus(errno, fmt::format("ask Xen for the frames of domain {}", domid_));
    }
    if (gfns > kGuestPagesMax) {
      return absl::FailedPreconditionError("the guest's frame numbers end past 16 TiB");
    }
    if (mapped != nullptr && gfns == gfns_ && domain.pages == Expected()) {
      SF_ASSIGN_OR_RETURN(const bool unchanged, Audit(mapped->frames.present));
      if (unchanged) return nullptr;
    }
    const PageBitmap none;
    const PageBitmap& held = mapped != nullptr ? mapped->frames.present : none;
    SF_ASSIGN_OR_RETURN(PageBitmap present, probe_.FindPresent(gfns, domain.pages, held));
    PageBitmap gone = held;
    gone.Resize(gfns);
    gone.AndNot(present);
    given_away_ = gone.Count();
    giver_ = mapped;
    pages_ = domain.pages;
    gfns_ = gfns;
    audit_at_ = Gfn{0};
    auto table = std::make_unique<FrameTable>();
    table->present = std::move(present);
    return table;
  }

  absl::Status Check(const Domain& domain) override {
    if (domain.pages == Expected()) return absl::OkStatus();
    return absl::AbortedError("the guest's memory came or went since the last Refresh");
  }

 private:
  // The count falls when the memory goes that still mapped what was given away.
  std::uint64_t Expected() const { return giver_.expired() ? pages_ - given_away_ : pages_; }

  // The frames from audit_at_ on that hold the next kAuditPages pages; empty after the last.
  GfnRange NextPart(const PageBitmap& present) const {
    std::uint64_t left = kAuditPages;
    Gfn end = audit_at_;
    present.ForEachRun({audit_at_, present.size() - audit_at_.value}, [&](GfnRange run) {
      const std::uint64_t taken = std::min(left, run.pages);
      if (taken > 0) end = run.first + taken;
      left -= taken;
    });
    return {audit_at_, end.value - audit_at_.value};
  }

  // False: a mapped frame has no memory any more.
  absl::StatusOr<bool> Audit(const PageBitmap& present) {
    const auto now = steady_clock::now();
    const auto target = store_.BalloonTargetKib(domid_);
    if (target != target_ && target.has_value()) {
      if (target_.has_value()) unsettled_until_ = now + kSettling;
      target_ = target;
    }
    if (now < unsettled_until_) return probe_.AllPresent(present, {Gfn{0}, present.size()});
    GfnRange part = NextPart(present);
    if (part.empty()) {
      audit_at_ = Gfn{0};
      part = NextPart(present);
    }
    audit_at_ = part.end();
    return probe_.AllPresent(present, part);
  }

  const std::shared_ptr<XenControl> control_;
  const std::uint32_t domid_;
  GfnProbe probe_;
  XenStore store_;
  std::uint64_t gfns_ = 0;
  std::uint64_t pages_ = 0;
  std::uint64_t given_away_ = 0;  // counted in pages_, but only because giver_ had them mapped
  std::weak_ptr<const XenMemory> giver_;
  Gfn audit_at_{0};
  std::optional<std::uint64_t> target_;
  steady_clock::time_point unsettled_until_{};
};

}  // namespace

std::unique_ptr<FrameSource> TrackTranslatedFrames(std::shared_ptr<XenControl> control,
                                                   std::uint32_t domid) {
  return std::make_unique<TranslatedFrames>(std::move(control), domid);
}

}  // namespace stillframe
