#include "guest_conformance.h"

#include <chrono>
#include <utility>

#include "base/status.h"
#include "conformance_checks.h"
#include "support/eventually.h"

namespace stillframe {

void GuestConformance::StartAndOpen(const GuestShape& shape) {
  const absl::Status started = backend_->Start(shape);
  SKIP_IF_UNIMPLEMENTED(started);
  ASSERT_TRUE(started.ok()) << started;
  hypervisor_ = backend_->OpenHypervisor();
  absl::StatusOr<std::unique_ptr<Guest>> guest = hypervisor_->Open(backend_->identity().id);
  ASSERT_TRUE(guest.ok()) << guest.status();
  guest_ = *std::move(guest);
}

void GuestConformance::AwaitDirtyLog(const GuestView& view) {
  PageBitmap dirty(view.map.page_count());
  const auto knows = [&] {
    // Pauses alone would leave a guest no time to run: it has some while this copies and compares.
    const Copy before(*guest_, view);
    EXPECT_TRUE(Eventually([&] { return Moved(before, *guest_, view, *backend_); }));
    EXPECT_TRUE(guest_->Pause().ok());
    const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
    EXPECT_TRUE(guest_->Resume().ok());
    return answer.ok() && *answer == DirtyAnswer::kLogged;
  };
  EXPECT_TRUE(Eventually(knows, std::chrono::seconds(90))) << "the dirty log never knows";
}

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
  const Copy first(*guest_, *view);
  const Copy second(*guest_, *view);
  EXPECT_TRUE(Changed(first, second, *backend_).empty());
  ASSERT_STATUS_OK(guest_->Resume());
  EXPECT_TRUE(Eventually([&] { return Moved(first, *guest_, *view, *backend_); }));
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
  AwaitDirtyLog(*view);
  for (int round = 0; round < 6; ++round) {
    ASSERT_STATUS_OK(guest_->Pause());
    dirty.ClearAll();
    const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
    Copy after(*guest_, *view);
    ASSERT_STATUS_OK(guest_->Resume());
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(*answer, DirtyAnswer::kLogged);
    if (round > 0) {
      for (const Gfn gfn : Changed(before, after, *backend_)) {
        ++changed_pages;
        EXPECT_TRUE(dirty.Test(gfn)) << "gfn " << gfn.value << " changed unnoticed";
      }
    }
    before = std::move(after);
    // On one CPU the guest may not have run at all by the next pause.
    ASSERT_TRUE(Eventually([&] { return Moved(before, *guest_, *view, *backend_); }));
  }
  EXPECT_GT(changed_pages, 0u);
}

TEST_P(GuestConformance, FetchingWhileTheGuestRunsLosesNoWrite) {
  START_AND_OPEN();
  if (!guest_->capabilities().dirty_log) GTEST_SKIP() << "this backend has no dirty log";
  REFRESH(view);
  PageBitmap dirty(view->map.page_count());
  AwaitDirtyLog(*view);
  ASSERT_STATUS_OK(guest_->Pause());
  ASSERT_TRUE(guest_->FetchDirty(dirty).ok());
  Copy copy(*guest_, *view);
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
          copy.Replace(gfn, PageSpan(extent.at + page * kPageBytes, kPageBytes));
        }
      });
    }
  }
  dirty.ClearAll();
  ASSERT_STATUS_OK(guest_->Pause());
  const absl::StatusOr<DirtyAnswer> answer = guest_->FetchDirty(dirty);
  const Copy after(*guest_, *view);
  ASSERT_STATUS_OK(guest_->Resume());
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(*answer, DirtyAnswer::kLogged);
  for (const Gfn gfn : Changed(copy, after, *backend_)) {
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

}  // namespace stillframe
