#include "guest/xen/gfn_probe.h"

#include <algorithm>
#include <array>

#include "base/status.h"
#include "guest/xen/xen_c.h"

namespace stillframe {
namespace {

constexpr std::size_t kBatch = 1024;  // what XEN_DOMCTL_getpageframeinfo3 takes at once
constexpr std::uint64_t kScanStep = 16 * kBatch;
constexpr GfnRange kSpecialPages{Gfn{0xfe000}, 0x2000};

bool IsPresent(std::uint64_t type) {
  const std::uint64_t tab = type & XEN_DOMCTL_PFINFO_LTAB_MASK;
  return tab != XEN_DOMCTL_PFINFO_XTAB && tab != XEN_DOMCTL_PFINFO_BROKEN &&
         tab != XEN_DOMCTL_PFINFO_XALLOC;
}

// The frames of `which` inside `within`, handed on in batches.
template <typename Visit>
absl::Status ForEachBatch(const PageBitmap& which, GfnRange within, Visit&& visit) {
  std::array<std::uint64_t, kBatch> gfns{};
  std::size_t count = 0;
  absl::Status status;
  which.ForEachRun(within, [&](GfnRange run) {
    for (Gfn gfn = run.first; gfn < run.end() && status.ok(); gfn = gfn + 1) {
      gfns[count++] = gfn.value;
      if (count < kBatch) continue;
      status = visit(std::span(gfns.data(), count));
      count = 0;
    }
  });
  if (status.ok() && count > 0) status = visit(std::span(gfns.data(), count));
  return status;
}

}  // namespace

absl::Status GfnProbe::Scan(const PageBitmap& which, GfnRange within, PageBitmap& present) {
  std::array<std::uint64_t, kBatch> types{};
  return ForEachBatch(which, within, [&](std::span<const std::uint64_t> gfns) -> absl::Status {
    std::copy(gfns.begin(), gfns.end(), types.begin());
    SF_RETURN_IF_ERROR(types_(std::span(types.data(), gfns.size())));
    for (std::size_t i = 0; i < gfns.size(); ++i) {
      if (IsPresent(types[i])) present.Set(Gfn{gfns[i]});
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<PageBitmap> GfnProbe::FindPresent(std::uint64_t gfns, std::uint64_t allocated,
                                                 const PageBitmap& mapped) {
  known_.Resize(gfns);
  PageBitmap present(gfns);
  SF_RETURN_IF_ERROR(Scan(known_, {Gfn{0}, gfns}, present));
  PageBitmap given_away = mapped;
  given_away.Resize(gfns);
  given_away.AndNot(present);
  const std::uint64_t held = allocated - std::min(allocated, given_away.Count());
  // Fewer than there were: some have been freed.
  unnumbered_ = std::min(unnumbered_, held - std::min(held, present.Count()));
  const std::uint64_t numbered = held - unnumbered_;
  PageBitmap rest(gfns);
  rest.SetRange({Gfn{0}, gfns});
  rest.AndNot(known_);

  if (present.Count() < numbered) {
    SF_RETURN_IF_ERROR(Scan(rest, kSpecialPages, present));
    const std::uint64_t end = std::min(kSpecialPages.end().value, gfns);
    if (end > kSpecialPages.first.value) {
      rest.ClearRange({kSpecialPages.first, end - kSpecialPages.first.value});
    }
  }
  for (std::uint64_t at = 0; at < gfns && present.Count() < numbered; at += kScanStep) {
    SF_RETURN_IF_ERROR(
        Scan(rest, {Gfn{at}, std::min<std::uint64_t>(kScanStep, gfns - at)}, present));
  }
  unnumbered_ += numbered - std::min(numbered, present.Count());
  known_.Or(present);
  return present;
}

absl::StatusOr<bool> GfnProbe::AllPresent(const PageBitmap& expected, GfnRange within) {
  std::array<std::uint64_t, kBatch> types{};
  bool all = true;
  const absl::Status asked =
      ForEachBatch(expected, within, [&](std::span<const std::uint64_t> gfns) -> absl::Status {
        std::copy(gfns.begin(), gfns.end(), types.begin());
        SF_RETURN_IF_ERROR(types_(std::span(types.data(), gfns.size())));
        all = all && std::all_of(types.begin(), types.begin() + gfns.size(), IsPresent);
        return absl::OkStatus();
      });
  if (!asked.ok()) return asked;
  return all;
}

}  // namespace stillframe
