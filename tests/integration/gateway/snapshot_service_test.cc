// Guests, snapshots, watches, pins and extents through a real gateway.
#include <future>

#include "integration/gateway/gateway_fixture.h"

namespace stillframe {
namespace {

class SnapshotServiceTest : public GatewayFixture {};

TEST_F(SnapshotServiceTest, GuestsComeInPages) {
  StartBoth();
  std::vector<std::string> names;
  v1::ListGuestsRequest request;
  request.set_page_size(3);
  do {
    grpc::ClientContext call;
    v1::ListGuestsResponse response;
    ASSERT_TRUE(guests_->ListGuests(&call, request, &response).ok());
    EXPECT_LE(response.guests_size(), 3);
    for (const auto& guest : response.guests()) names.push_back(guest.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(names, (std::vector<std::string>{"alpha", "twin", "twin", "web1"}));
}

TEST_F(SnapshotServiceTest, AGuestIsFoundByUuidOrUnambiguousName) {
  StartBoth();
  v1::Guest guest;
  ASSERT_TRUE(GetGuest("web1", guest).ok());
  EXPECT_EQ(guest.uuid(), daemon_->uuid());
  EXPECT_TRUE(GetGuest(daemon_->uuid(), guest).ok());
  EXPECT_EQ(InfoOf(GetGuest("twin", guest)).reason(), "GUEST_NAME_AMBIGUOUS");
  const grpc::Status unknown = GetGuest("nobody", guest);
  EXPECT_EQ(unknown.error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(InfoOf(unknown).reason(), "GUEST_NOT_FOUND");
}

TEST_F(SnapshotServiceTest, SnapshotsComeInPagesOldestFirst) {
  StartBoth();
  for (int n = 0; n < 3; ++n) daemon_->Publish({0});
  std::vector<std::uint64_t> generations;
  v1::ListSnapshotsRequest request;
  request.set_guest("web1");
  request.set_page_size(2);
  do {
    grpc::ClientContext call;
    v1::ListSnapshotsResponse response;
    ASSERT_TRUE(snapshots_->ListSnapshots(&call, request, &response).ok());
    for (const auto& snapshot : response.snapshots()) {
      generations.push_back(snapshot.generation());
      EXPECT_EQ(snapshot.vcpus_size(), 0);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(generations, (std::vector<std::uint64_t>{1, 2, 3}));

  grpc::ClientContext call;
  v1::GetSnapshotRequest get;
  *get.mutable_snapshot() = Select(2);
  v1::GetSnapshotResponse response;
  ASSERT_TRUE(snapshots_->GetSnapshot(&call, get, &response).ok());
  EXPECT_EQ(response.snapshot().vcpus_size(), 1);
}

TEST_F(SnapshotServiceTest, ACaptureReturnsWhatCanBeReadAndCancellingWithdrawsIt) {
  StartBoth();
  v1::CaptureSnapshotRequest request;
  request.set_guest("web1");
  v1::CaptureSnapshotResponse response;
  {
    grpc::ClientContext call;
    ASSERT_TRUE(snapshots_->CaptureSnapshot(&call, request, &response).ok());
    EXPECT_EQ(response.snapshot().generation(), 1u);
  }
  daemon_->HoldCaptures();
  grpc::ClientContext call;
  auto result = std::async(std::launch::async,
                           [&] { return snapshots_->CaptureSnapshot(&call, request, &response); });
  EXPECT_TRUE(Eventually([this] { return daemon_->captures_waiting() == 1; }));
  call.TryCancel();
  EXPECT_EQ(result.get().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return daemon_->captures_cancelled() == 1; }));
}

TEST_F(SnapshotServiceTest, AWatchStandsAtOnceReplaysAndFollows) {
  StartBoth();
  daemon_->Publish({0});
  daemon_->Publish({0});
  grpc::ClientContext call;
  v1::WatchSnapshotsRequest request;
  request.set_guest("web1");
  request.set_from_generation(1);
  const auto stream = snapshots_->WatchSnapshots(&call, request);
  v1::WatchSnapshotsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_FALSE(response.has_event());
  daemon_->Publish({0});
  for (std::uint64_t generation = 1; generation <= 3; ++generation) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.event().published().generation(), generation);
    EXPECT_EQ(response.event().guest_uuid(), daemon_->uuid());
  }
  call.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return gateway_->statistics().streams == 0; }));
}

TEST_F(SnapshotServiceTest, ASlowWatcherIsToldWhatItMissed) {
  options_.limits.watch_events_max = 8;
  StartBoth();
  grpc::ClientContext call;
  const auto stream = snapshots_->WatchSnapshots(&call, {});
  v1::WatchSnapshotsResponse response;
  ASSERT_TRUE(stream->Read(&response));

  // More than gRPC buffers for a reader that does not read.
  constexpr int kEvents = 3000;
  SnapshotEvent event;
  event.kind = SnapshotEvent::Kind::kFailed;
  event.guest.name = "noisy";
  event.error = absl::AbortedError(std::string(8192, 'x'));
  for (int n = 0; n < kEvents; ++n) daemon_->events().Append(event);
  event.error = absl::AbortedError("the last one");
  daemon_->events().Append(event);

  std::uint64_t told = 0;
  std::uint64_t missed = 0;
  while (told + missed <= kEvents && stream->Read(&response)) {
    if (response.event().has_missed()) {
      missed += response.event().missed().events();
    } else {
      ++told;
    }
  }
  EXPECT_EQ(told + missed, kEvents + 1u);
  EXPECT_GT(missed, 0u);
  call.TryCancel();
}

TEST_F(SnapshotServiceTest, ChangedAndAllocatedExtents) {
  StartBoth(16);
  daemon_->Publish({0, 1, 2, 3}, {{15, kHoleSlot}});
  daemon_->Publish({2});
  daemon_->Publish({5, 6});
  const auto changed = [this](std::uint64_t base, std::uint64_t target, std::uint64_t coalesce) {
    grpc::ClientContext call;
    v1::ListChangedExtentsRequest request;
    request.set_guest("web1");
    request.set_base_generation(base);
    request.set_target_generation(target);
    request.set_coalesce_pages(coalesce);
    const auto stream = snapshots_->ListChangedExtents(&call, request);
    v1::ListChangedExtentsResponse response;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
    while (stream->Read(&response)) {
      if (response.has_base()) {
        EXPECT_EQ(response.base().generation(), base);
      }
      for (const auto& extent : response.extents()) {
        extents.emplace_back(extent.first_gfn(), extent.page_count());
      }
    }
    EXPECT_TRUE(stream->Finish().ok());
    return extents;
  };
  using Extents = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  EXPECT_EQ(changed(1, 0, 0), (Extents{{2, 1}, {5, 2}}));
  EXPECT_EQ(changed(3, 1, 0), (Extents{{2, 1}, {5, 2}}));
  EXPECT_EQ(changed(1, 3, 3), (Extents{{2, 5}}));
  EXPECT_EQ(changed(2, 2, 0), Extents{});

  grpc::ClientContext call;
  v1::ListAllocatedExtentsRequest request;
  *request.mutable_snapshot() = Select(1);
  const auto stream = snapshots_->ListAllocatedExtents(&call, request);
  v1::ListAllocatedExtentsResponse response;
  std::vector<int> statuses;
  while (stream->Read(&response)) {
    for (const auto& extent : response.extents()) {
      for (std::uint64_t n = 0; n < extent.page_count(); ++n) statuses.push_back(extent.status());
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(statuses, (std::vector<int>{1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3}));
}

class PinServiceTest : public GatewayFixture {
 protected:
  grpc::Status Renew(const std::string& id) {
    grpc::ClientContext call;
    v1::RenewPinRequest request;
    request.set_id(id);
    v1::RenewPinResponse response;
    return pins_->RenewPin(&call, request, &response);
  }
};

TEST_F(PinServiceTest, APinKeepsItsGenerationUntilReleased) {
  StartBoth();
  const Generation first = daemon_->Publish({0});
  v1::Pin pin;
  ASSERT_TRUE(CreatePin(60'000, pin).ok());
  v1::Pin other;
  ASSERT_TRUE(CreatePin(0, other).ok());
  EXPECT_NE(pin.id(), other.id());
  EXPECT_EQ(pin.snapshot().generation(), first.value);
  EXPECT_GT(pin.expire_time_ns(), 0u);
  EXPECT_EQ(daemon_->pins(), 1u);  // shared
  for (int n = 0; n < 8; ++n) daemon_->Publish({0});

  v1::ReadPagesRequest request;
  *request.mutable_snapshot() = Select(first.value);
  EXPECT_TRUE(Read(request).Memory() == daemon_->MemoryOf(first));
  EXPECT_TRUE(Renew(pin.id()).ok());
  EXPECT_TRUE(ReleasePin(pin.id()).ok());
  EXPECT_TRUE(ReleasePin(other.id()).ok());
  EXPECT_EQ(InfoOf(ReleasePin(pin.id())).reason(), "PIN_NOT_FOUND");
  EXPECT_EQ(InfoOf(Renew(pin.id())).reason(), "PIN_NOT_FOUND");
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
  EXPECT_TRUE(
      Eventually([&] { return InfoOf(Read(request).status).reason() == "GENERATION_EVICTED"; }));
}

TEST_F(PinServiceTest, PinsExpireAndAreBounded) {
  options_.limits.pins_max = 2;
  StartBoth();
  daemon_->Publish({0});
  v1::Pin pin;
  ASSERT_TRUE(CreatePin(1, pin).ok());
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
  EXPECT_EQ(InfoOf(Renew(pin.id())).reason(), "PIN_NOT_FOUND");

  ASSERT_TRUE(CreatePin(0, pin).ok());
  ASSERT_TRUE(CreatePin(0, pin).ok());
  EXPECT_EQ(InfoOf(CreatePin(0, pin)).metadata().at("limit"), "pins_max");
  EXPECT_EQ(InfoOf(CreatePin(600'001, pin)).reason(), "REQUEST_INVALID");
}

TEST_F(PinServiceTest, AHeldPinLivesAsLongAsItsCall) {
  StartBoth();
  daemon_->Publish({0});
  grpc::ClientContext call;
  v1::HoldPinRequest request;
  *request.mutable_snapshot() = Select();
  const auto stream = pins_->HoldPin(&call, request);
  v1::HoldPinResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.snapshot().generation(), 1u);
  EXPECT_EQ(daemon_->pins(), 1u);
  call.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
}

TEST_F(PinServiceTest, TheDaemonRestartsUnderneath) {
  StartBoth();
  const Generation old_generation = daemon_->Publish({0, 1});
  v1::Pin pin;
  ASSERT_TRUE(CreatePin(0, pin).ok());

  daemon_->Kill();
  ASSERT_TRUE(Eventually([this] {
    grpc::ClientContext call;
    v1::ListGuestsResponse response;
    const grpc::Status status = guests_->ListGuests(&call, {}, &response);
    return status.error_code() == grpc::UNAVAILABLE &&
           InfoOf(status).reason() == "DAEMON_UNAVAILABLE";
  }));
  // What is held stays readable, by its full name.
  v1::ReadPagesRequest held;
  *held.mutable_snapshot() = Select(old_generation.value);
  held.mutable_snapshot()->set_epoch(pin.snapshot().epoch());
  EXPECT_TRUE(Read(held).Memory() == daemon_->MemoryOf(old_generation));

  const std::unique_ptr<TestDaemon> dead = std::exchange(daemon_, MakeDaemon());
  AwaitDaemon();
  const Generation generation = daemon_->Publish({3});
  v1::ReadPagesRequest request;
  *request.mutable_snapshot() = Select();
  EXPECT_TRUE(Read(request).Memory() == daemon_->MemoryOf(generation));
  EXPECT_TRUE(Read(held).Memory() == dead->MemoryOf(old_generation));
  gateway_.reset();
}

}  // namespace
}  // namespace stillframe
