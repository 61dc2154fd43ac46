// Reading machine frames through a real gateway.
#include <numeric>

#include "integration/gateway/gateway_fixture.h"

namespace stillframe {
namespace {

class MachineFramesServiceTest : public GatewayFixture {
 protected:
  static constexpr std::uint64_t kPages = 64;

  static std::vector<std::uint64_t> Table() {
    std::vector<std::uint64_t> table(kPages);
    std::iota(table.rbegin(), table.rend(), 0x12345678);
    table[7] = kNoMachineFrame;
    return table;
  }

  static v1::ReadMachineFramesRequest Request(std::uint64_t generation = 0) {
    v1::ReadMachineFramesRequest request;
    *request.mutable_snapshot() = Select(generation);
    return request;
  }

  static void AddRange(v1::ReadMachineFramesRequest& request, std::uint64_t first,
                       std::uint64_t pages) {
    v1::PageRange& range = *request.add_ranges();
    range.set_first_gfn(first);
    range.set_page_count(pages);
  }

  struct FrameReading {
    grpc::Status status;
    v1::Snapshot snapshot;
    std::vector<GfnRange> chunks;
    std::vector<std::uint64_t> frames;
  };

  FrameReading ReadFrames(const v1::ReadMachineFramesRequest& request) {
    FrameReading reading;
    grpc::ClientContext call;
    const auto stream = memory_->ReadMachineFrames(&call, request);
    v1::ReadMachineFramesResponse response;
    while (stream->Read(&response)) {
      if (response.has_snapshot()) {
        EXPECT_TRUE(reading.chunks.empty());
        reading.snapshot = response.snapshot();
        continue;
      }
      const auto& frames = response.machine_frames();
      reading.chunks.push_back(
          {Gfn{response.first_gfn()}, static_cast<std::uint64_t>(frames.size())});
      reading.frames.insert(reading.frames.end(), frames.begin(), frames.end());
    }
    reading.status = stream->Finish();
    return reading;
  }
};

TEST_F(MachineFramesServiceTest, TheTableOfAGenerationIsReadOnEveryTransport) {
  StartBoth(kPages);
  daemon_->SetMachineFrames(Table());
  daemon_->Publish({0});
  daemon_->SetMachineFrames(std::vector<std::uint64_t>(kPages, 1));
  daemon_->Publish({0});
  for (const std::size_t address : {0u, 1u}) {
    Dial(address);
    const FrameReading reading = ReadFrames(Request(1));
    ASSERT_TRUE(reading.status.ok()) << reading.status.error_message();
    EXPECT_EQ(reading.snapshot.generation(), 1u);
    EXPECT_EQ(reading.snapshot.frame_space(), v1::Snapshot::FRAME_SPACE_MACHINE);
    EXPECT_EQ(reading.chunks, (std::vector<GfnRange>{{Gfn{0}, kPages}}));
    EXPECT_EQ(reading.frames, Table());
  }
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
}

TEST_F(MachineFramesServiceTest, RangesComeInTheOrderAskedFor) {
  StartBoth(kPages);
  daemon_->SetMachineFrames(Table());
  daemon_->Publish({0});
  v1::ReadMachineFramesRequest request = Request();
  AddRange(request, kPages - 2, 2);
  AddRange(request, 6, 3);
  const FrameReading reading = ReadFrames(request);
  ASSERT_TRUE(reading.status.ok()) << reading.status.error_message();
  const std::vector<std::uint64_t> table = Table();
  EXPECT_EQ(reading.chunks, (std::vector<GfnRange>{{Gfn{kPages - 2}, 2}, {Gfn{6}, 3}}));
  EXPECT_EQ(reading.frames, (std::vector<std::uint64_t>{table[kPages - 2], table[kPages - 1],
                                                        table[6], kNoMachineFrame, table[8]}));
}

TEST_F(MachineFramesServiceTest, WhatCannotBeReadIsRefusedWithItsReason) {
  StartBoth(kPages);
  EXPECT_EQ(InfoOf(ReadFrames(Request()).status).reason(), "NO_SNAPSHOT_YET");
  daemon_->Publish({0});
  const grpc::Status none = ReadFrames(Request()).status;
  EXPECT_EQ(none.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(InfoOf(none).reason(), "NO_MACHINE_FRAMES");
  daemon_->SetMachineFrames(Table());
  daemon_->Publish({0});
  v1::ReadMachineFramesRequest past_end = Request();
  AddRange(past_end, kPages, 1);
  EXPECT_EQ(InfoOf(ReadFrames(past_end).status).reason(), "RANGE_PAST_END");
  v1::ReadMachineFramesRequest empty = Request();
  AddRange(empty, 3, 0);
  EXPECT_EQ(InfoOf(ReadFrames(empty).status).reason(), "RANGE_INVALID");
  v1::ReadMachineFramesRequest many = Request();
  for (std::uint32_t i = 0; i <= options_.limits.request_ranges_max; ++i) AddRange(many, 0, 1);
  EXPECT_EQ(InfoOf(ReadFrames(many).status).metadata().at("limit"), "request_ranges_max");
}

TEST_F(MachineFramesServiceTest, StreamsCountAgainstTheirBound) {
  options_.limits.streams_max = 1;
  StartBoth(kPages);
  daemon_->SetMachineFrames(Table());
  daemon_->Publish({0});
  grpc::ClientContext call;
  const auto first = memory_->ReadScatter(&call);
  ASSERT_TRUE(Eventually([this] { return gateway_->statistics().streams == 1; }));
  const grpc::Status refused = ReadFrames(Request()).status;
  EXPECT_EQ(InfoOf(refused).metadata().at("limit"), "streams_max");
  first->WritesDone();
  EXPECT_TRUE(first->Finish().ok());
  EXPECT_TRUE(Eventually([this] { return ReadFrames(Request()).status.ok(); }));
}

TEST_F(MachineFramesServiceTest, AReaderThatTakesNothingIsDropped) {
  options_.limits.stream_stall_ms_max = 200;
  StartBoth(8192);
  daemon_->SetMachineFrames(std::vector<std::uint64_t>(8192, 1));
  daemon_->Publish({0});
  v1::ReadMachineFramesRequest request = Request();
  for (int i = 0; i < 1024; ++i) AddRange(request, 0, 8192);  // more than gRPC takes ahead
  grpc::ClientContext call;
  const auto stalled = memory_->ReadMachineFrames(&call, request);
  EXPECT_TRUE(Eventually([this] { return gateway_->statistics().stalls == 1; }));
  EXPECT_TRUE(Eventually([this] { return daemon_->pins() == 0; }));
  v1::ReadMachineFramesResponse response;
  while (stalled->Read(&response)) {
  }
  EXPECT_FALSE(stalled->Finish().ok());
}

}  // namespace
}  // namespace stillframe
