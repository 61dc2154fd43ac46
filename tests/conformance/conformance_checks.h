// What the suite's tests share: a plain copy of guest memory as the judge, and checks that end a
// test or skip it with its reason.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

#include "backend_fixture.h"
#include "gtest/gtest.h"
#include "support/torn_page_check.h"

#define SKIP_IF_UNIMPLEMENTED(status) \
  if (absl::IsUnimplemented(status)) GTEST_SKIP() << (status).message()

#define START_AND_OPEN(...)              \
  StartAndOpen(GuestShape{__VA_ARGS__}); \
  if (guest_ == nullptr) return

// The view after a refresh that must succeed.
#define REFRESH(view)                                                             \
  absl::StatusOr<std::shared_ptr<const GuestView>> view##_or = guest_->Refresh(); \
  ASSERT_TRUE(view##_or.ok()) << view##_or.status();                              \
  std::shared_ptr<const GuestView> view = *std::move(view##_or)

#define ASSERT_STATUS_OK(expr)                  \
  do {                                          \
    const absl::Status sf_checked = (expr);     \
    ASSERT_TRUE(sf_checked.ok()) << sf_checked; \
  } while (false)

namespace stillframe {

using PageSpan = std::span<const std::byte, kPageBytes>;

// A plain copy of all resident memory, the judge of everything cleverer.
class Copy {
 public:
  Copy() = default;
  Copy(Guest& guest, const GuestView& view)
      : bytes_(new std::byte[view.map.readable_pages() << kPageShift]) {
    gfns_.reserve(view.map.readable_pages());
    const absl::Status copied = ForEachResidentPage(guest, view, [&](Gfn gfn, PageSpan page) {
      std::memcpy(&bytes_[gfns_.size() << kPageShift], page.data(), kPageBytes);
      gfns_.push_back(gfn);
      return absl::OkStatus();
    });
    EXPECT_TRUE(copied.ok()) << copied;
  }

  const std::vector<Gfn>& gfns() const { return gfns_; }  // ascending
  PageSpan At(std::size_t index) const {
    return PageSpan(&bytes_[index << kPageShift], kPageBytes);
  }

  // Zeros for what was not resident.
  PageSpan Find(Gfn gfn) const {
    static constexpr std::array<std::byte, kPageBytes> kZero{};
    const auto at = std::lower_bound(gfns_.begin(), gfns_.end(), gfn);
    if (at == gfns_.end() || *at != gfn) return kZero;
    return At(static_cast<std::size_t>(at - gfns_.begin()));
  }

  // `gfn` must have been resident.
  void Replace(Gfn gfn, PageSpan page) {
    const auto at = std::lower_bound(gfns_.begin(), gfns_.end(), gfn);
    ASSERT_TRUE(at != gfns_.end() && *at == gfn) << gfn.value;
    const auto index = static_cast<std::size_t>(at - gfns_.begin());
    std::memcpy(&bytes_[index << kPageShift], page.data(), kPageBytes);
  }

 private:
  std::vector<Gfn> gfns_;
  std::unique_ptr<std::byte[]> bytes_;
};

inline bool Equal(PageSpan a, PageSpan b) {
  return std::memcmp(a.data(), b.data(), kPageBytes) == 0;
}

// The frames whose bytes differ, but for those that the backend's hypervisor writes.
inline std::vector<Gfn> Changed(const Copy& before, const Copy& after,
                                const BackendFixture& backend) {
  std::vector<Gfn> all;
  std::set_union(before.gfns().begin(), before.gfns().end(), after.gfns().begin(),
                 after.gfns().end(), std::back_inserter(all));
  std::erase_if(all, [&](Gfn gfn) {
    const PageSpan now = after.Find(gfn);
    return Equal(before.Find(gfn), now) || backend.IsWrittenByHypervisor(now);
  });
  return all;
}

// Whether the running guest wrote something since.
inline bool Moved(const Copy& before, Guest& guest, const GuestView& view,
                  const BackendFixture& backend) {
  const absl::Status same = ForEachResidentPage(guest, view, [&](Gfn gfn, PageSpan page) {
    const bool moved = !Equal(before.Find(gfn), page) && !backend.IsWrittenByHypervisor(page);
    return moved ? absl::AbortedError("moved") : absl::OkStatus();
  });
  return absl::IsAborted(same);
}

inline bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

}  // namespace stillframe
