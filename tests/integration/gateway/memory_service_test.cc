// Reading memory through a real gateway.
#include <limits>
#include <numeric>

#include "integration/gateway/gateway_fixture.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::vector<std::uint64_t> Pages(std::uint64_t first, std::uint64_t count) {
  std::vector<std::uint64_t> pages(count);
  std::iota(pages.begin(), pages.end(), first);
  return pages;
}

void AddRange(v1::ReadPagesRequest& request, std::uint64_t first, std::uint64_t pages) {
  v1::PageRange& range = *request.add_ranges();
  range.set_first_gfn(first);
  range.set_page_count(pages);
}

class MemoryServiceTest : public GatewayFixture {
 protected:
  v1::ReadPagesRequest Request(std::uint64_t generation = 0) {
    v1::ReadPagesRequest request;
    *request.mutable_snapshot() = Select(generation);
    return request;
  }
};

TEST_F(MemoryServiceTest, AFullReadIsTheGuestsMemoryOnEveryTransport) {
  StartBoth(600);
  daemon_->Publish(Pages(0, 500), {{510, kHoleSlot}, {511, kMmioSlot}});
  const Generation second = daemon_->Publish(Pages(100, 3));
  for (const std::size_t address : {0u, 1u}) {
    Dial(address);
    const Reading reading = Read(Request());
    ASSERT_TRUE(reading.status.ok()) << reading.status.error_message();
    EXPECT_EQ(reading.snapshot.generation(), second.value);
    EXPECT_EQ(reading.snapshot.vcpus_size(), 1);
    EXPECT_TRUE(reading.Memory() == daemon_->MemoryOf(second));
  }
  EXPECT_TRUE(Read(Request(1)).Memory() == daemon_->MemoryOf(Generation{1}));
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
}

TEST_F(MemoryServiceTest, EveryPageSaysWhatItIs) {
  StartBoth(8);
  daemon_->Publish({1, 2},
                   {{3, kHoleSlot}, {4, kBalloonedSlot}, {5, kMmioSlot}, {6, kUnreadableSlot}});
  const Reading reading = Read(Request());
  std::vector<int> statuses;
  for (const auto& run : reading.runs) {
    EXPECT_EQ(run.data().size(),
              run.status() == v1::PAGE_STATUS_PRESENT ? run.page_count() * kPageBytes : 0);
    for (std::uint64_t n = 0; n < run.page_count(); ++n) statuses.push_back(run.status());
  }
  EXPECT_EQ(statuses, (std::vector<int>{2, 1, 1, 3, 4, 5, 6, 2}));
}

TEST_F(MemoryServiceTest, RangesOverlapChunksAreCutAndEmptyRunsSkipped) {
  StartBoth(64);
  const Generation generation = daemon_->Publish(Pages(0, 40));
  v1::ReadPagesRequest request = Request();
  AddRange(request, 20, 44);
  AddRange(request, 10, 20);
  request.set_chunk_bytes(64 << 10);
  request.set_skip_empty(true);
  const Reading reading = Read(request);
  ASSERT_TRUE(reading.status.ok()) << reading.status.error_message();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (const auto& run : reading.runs) {
    runs.emplace_back(run.first_gfn(), run.page_count());
    EXPECT_TRUE(
        run.data() ==
        daemon_->MemoryOf(generation).substr(run.first_gfn() * kPageBytes, run.data().size()));
  }
  EXPECT_EQ(runs, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{
                      {20, 16}, {36, 4}, {10, 16}, {26, 4}}));
}

TEST_F(MemoryServiceTest, BadRangesAreRefusedWithTheirReason) {
  StartBoth(64);
  daemon_->Publish({0});
  struct Case {
    std::uint64_t first, pages;
    grpc::StatusCode code;
    std::string reason;
  };
  for (const Case& c : {Case{64, 1, grpc::OUT_OF_RANGE, "RANGE_PAST_END"},
                        Case{0, kMax, grpc::OUT_OF_RANGE, "RANGE_PAST_END"},
                        Case{kMax, 1, grpc::INVALID_ARGUMENT, "RANGE_INVALID"},
                        Case{2, kMax - 1, grpc::INVALID_ARGUMENT, "RANGE_INVALID"},
                        Case{3, 0, grpc::INVALID_ARGUMENT, "RANGE_INVALID"}}) {
    v1::ReadPagesRequest request = Request();
    AddRange(request, c.first, c.pages);
    const Reading reading = Read(request);
    EXPECT_EQ(reading.status.error_code(), c.code) << reading.status.error_message();
    EXPECT_EQ(InfoOf(reading.status).reason(), c.reason);
    EXPECT_TRUE(reading.runs.empty());
  }
}

TEST_F(MemoryServiceTest, MissingGenerationsSayWhy) {
  StartBoth();
  EXPECT_EQ(InfoOf(Read(Request()).status).reason(), "NO_SNAPSHOT_YET");
  for (int n = 0; n < 6; ++n) daemon_->Publish({0});

  const grpc::Status evicted = Read(Request(1)).status;
  EXPECT_EQ(evicted.error_code(), grpc::OUT_OF_RANGE);
  EXPECT_EQ(InfoOf(evicted).reason(), "GENERATION_EVICTED");
  EXPECT_EQ(InfoOf(evicted).metadata().at("oldest_generation"), "3");

  const grpc::Status future = Read(Request(7)).status;
  EXPECT_EQ(future.error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(InfoOf(future).reason(), "GENERATION_NOT_YET");

  v1::ReadPagesRequest other_epoch = Request(6);
  other_epoch.mutable_snapshot()->set_epoch(Uuid::Random().ToString());
  EXPECT_EQ(InfoOf(Read(other_epoch).status).reason(), "EPOCH_CHANGED");

  v1::ReadPagesRequest stranger = Request();
  stranger.mutable_snapshot()->set_guest("nobody");
  EXPECT_EQ(InfoOf(Read(stranger).status).reason(), "GUEST_NOT_FOUND");
}

TEST_F(MemoryServiceTest, CancellingAReadReleasesItsPin) {
  StartBoth(8192);
  daemon_->Publish(Pages(0, 8192));
  grpc::ClientContext call;
  const auto stream = memory_->ReadPages(&call, Request());
  v1::ReadPagesResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(daemon_->pins(), 1u);
  call.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
  EXPECT_TRUE(Eventually([this] {
    return gateway_->statistics().streams == 0 && gateway_->statistics().inflight_bytes == 0;
  }));
}

TEST_F(MemoryServiceTest, AReaderThatTakesNothingIsDroppedWhileOthersStream) {
  options_.limits.stream_stall_ms_max = 200;
  StartBoth(8192);
  const Generation generation = daemon_->Publish(Pages(0, 8192));
  grpc::ClientContext call;
  const auto stalled = memory_->ReadPages(&call, Request());

  const auto other = NewChannel(1);
  memory_ = v1::MemoryService::NewStub(other);
  EXPECT_TRUE(Read(Request()).Memory() == daemon_->MemoryOf(generation));

  EXPECT_TRUE(Eventually([this] { return gateway_->statistics().stalls == 1; }));
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
  v1::ReadPagesResponse response;
  while (stalled->Read(&response)) {
  }
  EXPECT_FALSE(stalled->Finish().ok());
}

TEST_F(MemoryServiceTest, ATightBoundOnBytesInFlightOnlySlowsDown) {
  options_.limits.inflight_bytes_max = 64 << 10;
  options_.limits.inflight_bytes_per_stream_max = 64 << 10;
  StartBoth(1024);
  const Generation generation = daemon_->Publish(Pages(0, 1024));
  v1::ReadPagesRequest request = Request();
  request.set_chunk_bytes(64 << 10);
  const Reading reading = Read(request);
  ASSERT_TRUE(reading.status.ok()) << reading.status.error_message();
  EXPECT_TRUE(reading.Memory() == daemon_->MemoryOf(generation));
}

TEST_F(MemoryServiceTest, StreamsPastTheBoundAreRefused) {
  options_.limits.streams_max = 1;
  StartBoth();
  daemon_->Publish({0});
  grpc::ClientContext call;
  const auto first = memory_->ReadScatter(&call);
  ASSERT_TRUE(Eventually([this] { return gateway_->statistics().streams == 1; }));
  const grpc::Status refused = Read(Request()).status;
  EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(InfoOf(refused).reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(InfoOf(refused).metadata().at("limit"), "streams_max");
  first->WritesDone();
  EXPECT_TRUE(first->Finish().ok());
}

class ReadScatterTest : public MemoryServiceTest {
 protected:
  static void AddRead(v1::ReadScatterRequest& request, std::uint64_t address,
                      std::uint32_t length) {
    auto& read = *request.add_reads();
    read.set_address(address);
    read.set_length(length);
  }
};

TEST_F(ReadScatterTest, ReadsAcrossPagesAndStopsBeforeAbsentOnes) {
  StartBoth(8);
  const Generation generation = daemon_->Publish({0, 1, 3}, {{4, kHoleSlot}});
  const std::string memory = daemon_->MemoryOf(generation);
  grpc::ClientContext call;
  const auto stream = memory_->ReadScatter(&call);
  v1::ReadScatterRequest request;
  *request.mutable_snapshot() = Select();
  AddRead(request, 4090, 20);               // over a page's edge
  AddRead(request, 2 * kPageBytes, 16);     // zero
  AddRead(request, 4 * kPageBytes - 4, 8);  // runs into a hole
  ASSERT_TRUE(stream->Write(request));
  v1::ReadScatterResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.generation(), generation.value);
  EXPECT_EQ(response.epoch(), daemon_->epoch());
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).data(), memory.substr(4090, 20));
  EXPECT_EQ(response.results(1).data(), std::string(16, '\0'));
  EXPECT_EQ(response.results(1).status(), v1::PAGE_STATUS_PRESENT);
  EXPECT_EQ(response.results(2).data(), memory.substr(4 * kPageBytes - 4, 4));
  EXPECT_EQ(response.results(2).status(), v1::PAGE_STATUS_ABSENT_HOLE);

  // The stream keeps its generation until told otherwise.
  const Generation next = daemon_->Publish({0});
  v1::ReadScatterRequest same;
  AddRead(same, 0, 1);
  ASSERT_TRUE(stream->Write(same) && stream->Read(&response));
  EXPECT_EQ(response.generation(), generation.value);
  *same.mutable_snapshot() = Select();
  ASSERT_TRUE(stream->Write(same) && stream->Read(&response));
  EXPECT_EQ(response.generation(), next.value);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
}

TEST_F(ReadScatterTest, BadReadsEndTheStreamWithTheirReason) {
  StartBoth(8);
  daemon_->Publish({0});
  struct Case {
    std::uint64_t address;
    std::uint32_t length;
    std::string reason;
  };
  for (const Case& c :
       {Case{0, 0, "RANGE_INVALID"}, Case{0, (1 << 20) + 1, "RANGE_INVALID"},
        Case{kMax, 2, "RANGE_INVALID"}, Case{8 * kPageBytes, 1, "RANGE_PAST_END"}}) {
    grpc::ClientContext call;
    const auto stream = memory_->ReadScatter(&call);
    v1::ReadScatterRequest request;
    *request.mutable_snapshot() = Select();
    AddRead(request, c.address, c.length);
    stream->Write(request);
    v1::ReadScatterResponse response;
    EXPECT_FALSE(stream->Read(&response));
    EXPECT_EQ(InfoOf(stream->Finish()).reason(), c.reason);
  }
  grpc::ClientContext call;
  const auto stream = memory_->ReadScatter(&call);
  stream->Write(v1::ReadScatterRequest());
  v1::ReadScatterResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(InfoOf(stream->Finish()).reason(), "REQUEST_INVALID");
}

}  // namespace
}  // namespace stillframe
