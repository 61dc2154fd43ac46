// What the suite's tests share: a plain copy of guest memory as the judge, and checks that end a
// test or skip it with its reason.
#pragma once

#include <array>
#include <cstring>
#include <map>
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

using Page = std::array<std::byte, kPageBytes>;
using Copy = std::map<Gfn, Page>;  // pages that are not in it were not resident

// A plain copy of all resident memory, the judge of everything cleverer.
inline Copy CopyMemory(Guest& guest, const GuestView& view) {
  Copy copy;
  const absl::Status copied =
      ForEachResidentPage(guest, view, [&](Gfn gfn, std::span<const std::byte, kPageBytes> page) {
        std::memcpy(copy[gfn].data(), page.data(), kPageBytes);
        return absl::OkStatus();
      });
  EXPECT_TRUE(copied.ok()) << copied;
  return copy;
}

// The frames whose bytes differ, but for those that the backend's hypervisor writes.
inline std::vector<Gfn> Changed(const Copy& before, const Copy& after,
                                const BackendFixture& backend) {
  static const Page kZero{};
  std::vector<Gfn> changed;
  for (const auto& [gfn, page] : after) {
    const auto old = before.find(gfn);
    if (page == (old == before.end() ? kZero : old->second)) continue;
    if (!backend.IsWrittenByHypervisor(page)) changed.push_back(gfn);
  }
  for (const auto& [gfn, page] : before) {
    if (!after.contains(gfn) && page != kZero) changed.push_back(gfn);
  }
  return changed;
}

inline bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

}  // namespace stillframe
