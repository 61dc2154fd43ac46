// What a backend does when a guest dies, reboots, gives memory back, or loses its daemon.
#include <chrono>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "conformance_checks.h"
#include "guest_conformance.h"
#include "support/eventually.h"

namespace stillframe {

TEST_P(GuestConformance, DeathInThePauseIsToldWithoutHanging) {
  START_AND_OPEN();
  REFRESH(view);
  ASSERT_STATUS_OK(guest_->Pause());
  const Copy before(*guest_, *view);
  EXPECT_FALSE(before.gfns().empty());
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
    for (const Gfn gfn : before.gfns()) {
      if (!extent.range.Contains(gfn)) continue;
      const PageSpan now(extent.at + (gfn.value - extent.range.first.value) * kPageBytes,
                         kPageBytes);
      if (backend_->IsWrittenByHypervisor(now)) continue;
      ASSERT_TRUE(Equal(now, before.Find(gfn))) << "gfn " << gfn.value;
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
  if (guest_->capabilities().dirty_log && backend_->TellsBalloonsInThePause()) {
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
