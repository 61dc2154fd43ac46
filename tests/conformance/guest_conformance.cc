#include "guest_conformance.h"

#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "support/eventually.h"
#include "support/torn_page_check.h"

namespace stillframe {
namespace {

#define SKIP_IF_UNIMPLEMENTED(status) \
  if (absl::IsUnimplemented(status)) GTEST_SKIP() << (status).message()

using Page = std::array<std::byte, kPageBytes>;
using Copy = std::map<Gfn, Page>;  // pages that are not in it were not resident

// A plain copy of all resident memory, the judge of everything cleverer.
Copy CopyMemory(Guest& guest, const GuestView& view) {
  Copy copy;
  const absl::Status copied =
      ForEachResidentPage(guest, view, [&](Gfn gfn, std::span<const std::byte, kPageBytes> page) {
        std::memcpy(copy[gfn].data(), page.data(), kPageBytes);
        return absl::OkStatus();
      });
  EXPECT_TRUE(copied.ok()) << copied;
  return copy;
}

std::vector<Gfn> Changed(const Copy& before, const Copy& after) {
  static const Page kZero{};
  std::vector<Gfn> changed;
  for (const auto& [gfn, page] : after) {
    const auto old = before.find(gfn);
    if (page != (old == before.end() ? kZero : old->second)) changed.push_back(gfn);
  }
  for (const auto& [gfn, page] : before) {
    if (!after.contains(gfn) && page != kZero) changed.push_back(gfn);
  }
  return changed;
}

bool IsGone(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

}  // namespace

void GuestConformance::StartAndOpen(const GuestShape& shape) {
  const absl::Status started = backend_->Start(shape);
  SKIP_IF_UNIMPLEMENTED(started);
  ASSERT_TRUE(started.ok()) << started;
  hypervisor_ = backend_->OpenHypervisor();
  absl::StatusOr<std::unique_ptr<Guest>> guest = hypervisor_->Open(backend_->identity().id);
  ASSERT_TRUE(guest.ok()) << guest.status();
  guest_ = *std::move(guest);
}

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

TEST_P(GuestConformance, IsListedAsReadable) {
  START_AND_OPEN();
  const absl::StatusOr<std::vector<GuestListing>> listings = hypervisor_->List();
  ASSERT_TRUE(listings.ok()) << listings.status();
  int found = 0;
  for (const GuestListing& listing : *listings) {
    if (listing.identity.id != backend_->identity().id) continue;
    ++found;
    EXPECT_EQ(listing.identity.name, backend_->identity().name);
    EXPECT_EQ(listing.identity.backend, hypervisor_->backend());
    EXPECT_EQ(listing.state, RunState::kRunning);
    EXPECT_TRUE(listing.readable.ok()) << listing.readable;
  }
  EXPECT_EQ(found, 1);
  EXPECT_EQ(guest_->identity().id, backend_->identity().id);
  EXPECT_EQ(guest_->identity().name, backend_->identity().name);
}

TEST_P(GuestConformance, UnknownIdIsNotFound) {
  START_AND_OPEN();
  EXPECT_TRUE(absl::IsNotFound(hypervisor_->Open(Uuid::Random()).status()));
}

TEST_P(GuestConformance, ExtentsAscendAndCoverExactlyTheReadablePages) {
  START_AND_OPEN();
  REFRESH(view);
  EXPECT_EQ(view->vcpus, 1u);
  std::uint64_t covered = 0;
  Gfn end{0};
  for (const MappedExtent& extent : view->extents) {
    ASSERT_FALSE(extent.range.empty());
    ASSERT_NE(extent.at, nullptr);
    EXPECT_GE(extent.range.first, end);
    end = extent.range.end();
    covered += extent.range.pages;
    for (Gfn gfn = extent.range.first; gfn < end; gfn = gfn + 1) {
      const RegionKind kind = view->map.KindOf(gfn);
      ASSERT_TRUE(kind == RegionKind::kRam || kind == RegionKind::kRom) << gfn.value;
    }
  }
  EXPECT_LE(end.value, view->map.page_count());
  EXPECT_EQ(covered, view->map.readable_pages());
}

TEST_P(GuestConformance, RefreshReturnsTheSameViewWhileNothingChanges) {
  START_AND_OPEN();
  REFRESH(first);
  REFRESH(second);
  EXPECT_EQ(first.get(), second.get());
}

TEST_P(GuestConformance, MemoryStandsStillInAPauseAndMovesOtherwise) {
  START_AND_OPEN();
  REFRESH(view);
  ASSERT_STATUS_OK(guest_->Pause());
  const Copy first = CopyMemory(*guest_, *view);
  const Copy second = CopyMemory(*guest_, *view);
  EXPECT_TRUE(Changed(first, second).empty());
  ASSERT_STATUS_OK(guest_->Resume());
  EXPECT_TRUE(Eventually([&] { return !Changed(first, CopyMemory(*guest_, *view)).empty(); }));
}

TEST_P(GuestConformance, MemoryInAPauseIsOfOneInstant) {
  START_AND_OPEN(.vcpus = 2);
  REFRESH(view);
  for (int round = 0; round < 10; ++round) {
    ASSERT_STATUS_OK(guest_->Pause());
    const absl::StatusOr<TornVerdict> verdict =
        CheckGuestMemory(*guest_, *view, backend_->torn_pages());
    ASSERT_STATUS_OK(guest_->Resume());
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    EXPECT_TRUE(verdict->consistent) << verdict->reason;
  }
}

TEST_P(GuestConformance, RegistersBelongToTheInstant) {
  START_AND_OPEN(.vcpus = 2);
  REFRESH(view);
  for (int round = 0; round < 5; ++round) {
    ASSERT_STATUS_OK(guest_->Pause());
    const absl::Status fetched = guest_->FetchVcpus();
    absl::StatusOr<std::vector<VcpuState>> vcpus = guest_->DecodeVcpus();
    absl::Status fits;
    if (vcpus.ok()) fits = backend_->CheckRegisters(*vcpus, *view);
    ASSERT_STATUS_OK(guest_->Resume());
    ASSERT_TRUE(fetched.ok()) << fetched;
    ASSERT_TRUE(vcpus.ok()) << vcpus.status();
    ASSERT_EQ(vcpus->size(), view->vcpus);
    for (std::uint32_t i = 0; i < vcpus->size(); ++i) {
      EXPECT_EQ((*vcpus)[i].index, i);
      EXPECT_NE((*vcpus)[i].cr0, 0u);
    }
    SKIP_IF_UNIMPLEMENTED(fits);
    EXPECT_TRUE(fits.ok()) << fits;
  }
}

TEST_P(GuestConformance, FetchDirtyCoversEveryPageThatChanged) {
  START_AND_OPEN();
  if (!guest_->capabilities().dirty_log) GTEST_SKIP() << "this backend has no dirty log";
  REFRESH(view);
  Copy before;
  PageBitmap dirty(view->map.page_count());
  std::uint64_t changed_pages = 0;
  for (int round = 0; round < 6; ++round) {
    ASSERT_STATUS_OK(guest_->Pause());
    dirty.ClearAll();
    const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
    Copy after = CopyMemory(*guest_, *view);
    ASSERT_STATUS_OK(guest_->Resume());
    ASSERT_TRUE(answer.ok()) << answer.status();
    if (round > 0 && *answer == DirtyAnswer::kLogged) {
      for (const Gfn gfn : Changed(before, after)) {
        ++changed_pages;
        EXPECT_TRUE(dirty.Test(gfn)) << "gfn " << gfn.value << " changed unnoticed";
      }
    }
    before = std::move(after);
  }
  EXPECT_GT(changed_pages, 0u);
}

TEST_P(GuestConformance, FetchingWhileTheGuestRunsLosesNoWrite) {
  START_AND_OPEN();
  if (!guest_->capabilities().dirty_log) GTEST_SKIP() << "this backend has no dirty log";
  REFRESH(view);
  PageBitmap dirty(view->map.page_count());
  ASSERT_STATUS_OK(guest_->Pause());
  ASSERT_TRUE(guest_->FetchDirty(dirty).ok());
  Copy copy = CopyMemory(*guest_, *view);
  ASSERT_STATUS_OK(guest_->Resume());
  // As pre-copy does: fetch, then copy what was fetched, while the guest writes on.
  for (int round = 0; round < 200; ++round) {
    dirty.ClearAll();
    const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
    ASSERT_TRUE(answer.ok()) << answer.status();
    for (const MappedExtent& extent : view->extents) {
      dirty.ForEachRun(extent.range, [&](GfnRange run) {
        for (Gfn gfn = run.first; gfn < run.end(); gfn = gfn + 1) {
          const std::uint64_t page = gfn.value - extent.range.first.value;
          std::memcpy(copy[gfn].data(), extent.at + page * kPageBytes, kPageBytes);
        }
      });
    }
  }
  dirty.ClearAll();
  ASSERT_STATUS_OK(guest_->Pause());
  const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
  const Copy after = CopyMemory(*guest_, *view);
  ASSERT_STATUS_OK(guest_->Resume());
  ASSERT_TRUE(answer.ok()) << answer.status();
  for (const Gfn gfn : Changed(copy, after)) {
    EXPECT_TRUE(dirty.Test(gfn)) << "a write to gfn " << gfn.value << " was lost";
  }
}

TEST_P(GuestConformance, ResumeIsIdempotent) {
  START_AND_OPEN();
  REFRESH(view);
  EXPECT_TRUE(guest_->Resume().ok());
  ASSERT_STATUS_OK(guest_->Pause());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kPaused);
  EXPECT_TRUE(guest_->Resume().ok());
  EXPECT_TRUE(guest_->Resume().ok());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kRunning);
}

TEST_P(GuestConformance, LeavesAGuestStoppedThatAnOperatorStoppedBefore) {
  START_AND_OPEN();
  ASSERT_TRUE(guest_->Refresh().ok());
  const absl::Status stopped = backend_->OperatorPause();
  SKIP_IF_UNIMPLEMENTED(stopped);
  ASSERT_TRUE(stopped.ok()) << stopped;
  REFRESH(view);
  EXPECT_EQ(view->state, RunState::kPaused);
  ASSERT_STATUS_OK(guest_->Pause());
  EXPECT_TRUE(guest_->Resume().ok());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kPaused);
  ASSERT_STATUS_OK(backend_->OperatorResume());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kRunning);
}

TEST_P(GuestConformance, LeavesAGuestStoppedThatAnOperatorStopsInThePause) {
  START_AND_OPEN();
  REFRESH(view);
  ASSERT_STATUS_OK(guest_->Pause());
  const absl::Status stopped = backend_->OperatorPause();
  if (absl::IsUnimplemented(stopped)) ASSERT_STATUS_OK(guest_->Resume());
  SKIP_IF_UNIMPLEMENTED(stopped);
  ASSERT_TRUE(stopped.ok()) << stopped;
  EXPECT_TRUE(guest_->Resume().ok());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kPaused);
  ASSERT_STATUS_OK(backend_->OperatorResume());
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kRunning);
}

TEST_P(GuestConformance, OperatorsResumeInThePauseEitherWaitsOrIsReported) {
  START_AND_OPEN();
  REFRESH(view);
  const absl::Status stopped = backend_->OperatorPause();
  SKIP_IF_UNIMPLEMENTED(stopped);
  ASSERT_TRUE(stopped.ok()) << stopped;
  ASSERT_STATUS_OK(guest_->Pause());
  ASSERT_STATUS_OK(backend_->OperatorResume());
  const bool stood = backend_->ObservedState().value_or(RunState::kCrashed) == RunState::kPaused;
  const absl::Status resumed = guest_->Resume();
  EXPECT_TRUE(stood ? resumed.ok() : absl::IsAborted(resumed)) << resumed;
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kRunning);
}

TEST_P(GuestConformance, DeathInThePauseIsToldWithoutHanging) {
  START_AND_OPEN();
  REFRESH(view);
  ASSERT_STATUS_OK(guest_->Pause());
  const Copy before = CopyMemory(*guest_, *view);
  EXPECT_FALSE(before.empty());
  const absl::Status died = backend_->Die();
  if (absl::IsUnimplemented(died)) ASSERT_STATUS_OK(guest_->Resume());
  SKIP_IF_UNIMPLEMENTED(died);
  ASSERT_TRUE(died.ok()) << died;
  const auto start = std::chrono::steady_clock::now();
  const absl::Status fetched = guest_->FetchVcpus();
  const absl::Status resumed = guest_->Resume();
  const absl::Status refreshed = guest_->Refresh().status();
  EXPECT_TRUE(IsGone(fetched)) << fetched;
  EXPECT_TRUE(IsGone(resumed)) << resumed;
  EXPECT_TRUE(IsGone(refreshed)) << refreshed;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // What was mapped stays readable for as long as the view is held.
  for (const MappedExtent& extent : view->extents) {
    for (const auto& [gfn, page] : before) {
      if (!extent.range.Contains(gfn)) continue;
      const std::byte* at = extent.at + (gfn.value - extent.range.first.value) * kPageBytes;
      ASSERT_EQ(std::memcmp(at, page.data(), kPageBytes), 0) << "gfn " << gfn.value;
    }
  }
}

TEST_P(GuestConformance, ADeadGuestIsNotListed) {
  START_AND_OPEN();
  const absl::Status died = backend_->Die();
  SKIP_IF_UNIMPLEMENTED(died);
  ASSERT_TRUE(died.ok()) << died;
  const absl::StatusOr<std::vector<GuestListing>> listings = hypervisor_->List();
  ASSERT_TRUE(listings.ok()) << listings.status();
  for (const GuestListing& listing : *listings) {
    EXPECT_NE(listing.identity.id, backend_->identity().id);
  }
  EXPECT_TRUE(absl::IsNotFound(hypervisor_->Open(backend_->identity().id).status()));
}

TEST_P(GuestConformance, RebootShowsAsAnotherBoot) {
  START_AND_OPEN();
  REFRESH(before);
  const absl::Status rebooted = backend_->Reboot();
  SKIP_IF_UNIMPLEMENTED(rebooted);
  ASSERT_TRUE(rebooted.ok()) << rebooted;
  REFRESH(after);
  EXPECT_NE(before->boot, after->boot);
  ASSERT_STATUS_OK(guest_->Pause());
  EXPECT_TRUE(guest_->Resume().ok());
}

TEST_P(GuestConformance, BalloonAbortsAStaleViewAndShowsInTheNext) {
  START_AND_OPEN();
  REFRESH(before);
  const absl::StatusOr<GfnRange> taken = backend_->BalloonOut();
  SKIP_IF_UNIMPLEMENTED(taken.status());
  ASSERT_TRUE(taken.ok()) << taken.status();
  if (guest_->capabilities().dirty_log) {
    PageBitmap dirty(before->map.page_count());
    ASSERT_STATUS_OK(guest_->Pause());
    EXPECT_TRUE(absl::IsAborted(guest_->FetchDirty(dirty).status()));
    EXPECT_TRUE(guest_->Resume().ok());
  }
  REFRESH(after);
  EXPECT_NE(before.get(), after.get());
  EXPECT_EQ(after->map.KindOf(taken->first), RegionKind::kBallooned);
  EXPECT_EQ(after->map.readable_pages() + taken->pages, before->map.readable_pages());
  PageBitmap dirty(after->map.page_count());
  ASSERT_STATUS_OK(guest_->Pause());
  EXPECT_TRUE(guest_->FetchDirty(dirty).ok());
  EXPECT_TRUE(guest_->Resume().ok());
}

TEST_P(GuestConformance, ResumerResumesByDescriptorAndByAddress) {
  START_AND_OPEN();
  REFRESH(view);
  const std::unique_ptr<GuestResumer> resumer = backend_->OpenResumer();
  std::vector<int> ways = {guest_->resume_fd()};
  if (backend_->ConnectsBesideTheDaemon()) ways.push_back(-1);
  for (const int fd : ways) {
    ASSERT_STATUS_OK(guest_->Pause());
    const auto start = std::chrono::steady_clock::now();
    const absl::Status resumed = resumer->Resume(guest_->resume_ticket(), fd);
    EXPECT_TRUE(resumed.ok()) << resumed;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kRunning);
    const absl::Status own = guest_->Resume();
    EXPECT_TRUE(absl::IsAborted(own)) << "a torn pause must be reported: " << own;
    EXPECT_TRUE(resumer->Resume(guest_->resume_ticket(), fd).ok()) << "it runs already";
  }
}

TEST_P(GuestConformance, ResumerLeavesAnOperatorsPauseAlone) {
  START_AND_OPEN();
  REFRESH(view);
  const absl::Status stopped = backend_->OperatorPause();
  SKIP_IF_UNIMPLEMENTED(stopped);
  ASSERT_TRUE(stopped.ok()) << stopped;
  ASSERT_TRUE(guest_->Refresh().ok());
  ASSERT_STATUS_OK(guest_->Pause());
  const absl::Status resumed = backend_->OpenResumer()->Resume(guest_->resume_ticket(), -1);
  EXPECT_TRUE(resumed.ok()) << resumed;
  EXPECT_EQ(backend_->ObservedState().value_or(RunState::kCrashed), RunState::kPaused);
  ASSERT_STATUS_OK(backend_->OperatorResume());
}

TEST_P(GuestConformance, ResumerSaysThatADeadGuestIsGone) {
  START_AND_OPEN();
  REFRESH(view);
  ASSERT_STATUS_OK(guest_->Pause());
  const absl::Status died = backend_->Die();
  if (absl::IsUnimplemented(died)) ASSERT_STATUS_OK(guest_->Resume());
  SKIP_IF_UNIMPLEMENTED(died);
  const std::unique_ptr<GuestResumer> resumer = backend_->OpenResumer();
  for (const int fd : {guest_->resume_fd(), -1}) {
    const absl::Status resumed = resumer->Resume(guest_->resume_ticket(), fd);
    EXPECT_TRUE(absl::IsNotFound(resumed)) << resumed;
  }
}

TEST_P(GuestConformance, ResumerRefusesASuccessorAtTheSameAddress) {
  START_AND_OPEN();
  REFRESH(view);
  ResumeTicket ticket = guest_->resume_ticket();
  ++ticket.instance;
  EXPECT_TRUE(absl::IsNotFound(backend_->OpenResumer()->Resume(ticket, -1)));
}

}  // namespace stillframe
