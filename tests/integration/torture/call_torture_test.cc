// Callers of the gateway that speak gRPC well and ask for what they must not have.
#include <array>
#include <chrono>
#include <map>
#include <thread>

#include "integration/torture/torture_fixture.h"
#include "stillframe/v1/guest_service.grpc.pb.h"
#include "stillframe/v1/memory_service.grpc.pb.h"
#include "stillframe/v1/pin_service.grpc.pb.h"
#include "stillframe/v1/snapshot_service.grpc.pb.h"

namespace stillframe {
namespace {

using grpc::StatusCode;

constexpr std::uint64_t kFar = ~std::uint64_t{0};

class CallTortureTest : public TortureTest {
 protected:
  void SetUp() override {
    TortureTest::SetUp();
    if (HasFatalFailure()) return;
    Dial();
  }

  void TearDown() override {
    channel_.reset();
    snapshots_.reset();
    pins_.reset();
    memory_.reset();
    TortureTest::TearDown();
  }

  void Dial() {
    channel_ = NewChannel(unix_address());
    snapshots_ = v1::SnapshotService::NewStub(channel_);
    pins_ = v1::PinService::NewStub(channel_);
    memory_ = v1::MemoryService::NewStub(channel_);
  }

  // Reads to the end, or cancels after `messages`.
  template <typename Stream>
  static grpc::Status Drain(grpc::ClientContext& call, Stream& stream, int messages = INT32_MAX) {
    typename std::remove_pointer_t<decltype(TypeOf(&stream))> response;
    while (messages-- > 0 && stream.Read(&response)) {
    }
    if (messages < 0) call.TryCancel();
    return stream.Finish();
  }
  template <typename Response>
  static Response* TypeOf(grpc::ClientReader<Response>*);

  StatusCode ReadRange(std::uint64_t first, std::uint64_t pages) {
    v1::ReadPagesRequest request;
    *request.mutable_snapshot() = Selector();
    v1::PageRange& range = *request.add_ranges();
    range.set_first_gfn(first);
    range.set_page_count(pages);
    grpc::ClientContext call;
    const auto stream = memory_->ReadPages(&call, request);
    return Drain(call, *stream).error_code();
  }

  StatusCode ReadAt(std::uint64_t address, std::uint32_t length) {
    grpc::ClientContext call;
    const auto stream = memory_->ReadScatter(&call);
    v1::ReadScatterRequest request;
    *request.mutable_snapshot() = Selector();
    auto& read = *request.add_reads();
    read.set_address(address);
    read.set_length(length);
    stream->Write(request);
    stream->WritesDone();
    v1::ReadScatterResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish().error_code();
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SnapshotService::Stub> snapshots_;
  std::unique_ptr<v1::PinService::Stub> pins_;
  std::unique_ptr<v1::MemoryService::Stub> memory_;
};

TEST_F(CallTortureTest, RangesAtEveryEdge) {
  const std::uint64_t pages = kPages;
  EXPECT_EQ(ReadRange(0, 0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadRange(kFar, 0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadRange(kFar, 2), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadRange(2, kFar), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadRange(kFar, kFar), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadRange(1, kFar - 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadRange(0, pages + 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadRange(pages, 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadRange(std::uint64_t{1} << 52, 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadRange(pages - 1, 1), StatusCode::OK);

  const std::uint64_t end = pages << kPageShift;
  EXPECT_EQ(ReadAt(0, 0), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadAt(0, ~0u), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadAt(kFar, 2), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadAt(kFar, 1), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReadAt(kFar - 1, 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadAt(end, 1), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadAt(end - 1, 2), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ReadAt(end - 1, 1), StatusCode::OK);

  // More ranges, and more reads, than one request may have.
  v1::ReadPagesRequest many;
  *many.mutable_snapshot() = Selector();
  for (int i = 0; i < 100'000; ++i) many.add_ranges()->set_page_count(1);
  grpc::ClientContext call;
  EXPECT_EQ(Drain(call, *memory_->ReadPages(&call, many)).error_code(),
            StatusCode::RESOURCE_EXHAUSTED);
  v1::ReadMachineFramesRequest frames;
  *frames.mutable_snapshot() = Selector();
  frames.add_ranges()->set_first_gfn(kFar);
  grpc::ClientContext frames_call;
  EXPECT_EQ(Drain(frames_call, *memory_->ReadMachineFrames(&frames_call, frames)).error_code(),
            StatusCode::INVALID_ARGUMENT);
  NotePeak();
}

TEST_F(CallTortureTest, GenerationsAndEpochsThatAreNot) {
  for (const std::uint64_t generation : {generation_ + 1, kFar, std::uint64_t{1} << 63}) {
    v1::GetSnapshotRequest request;
    *request.mutable_snapshot() = Select("web1", generation);
    v1::GetSnapshotResponse response;
    grpc::ClientContext call;
    EXPECT_EQ(snapshots_->GetSnapshot(&call, request, &response).error_code(),
              StatusCode::NOT_FOUND);
  }
  const std::pair<std::string, StatusCode> epochs[] = {
      {"00000000-0000-0000-0000-000000000000", StatusCode::FAILED_PRECONDITION},
      {"no UUID", StatusCode::INVALID_ARGUMENT},
      {std::string(100'000, 'e'), StatusCode::INVALID_ARGUMENT},
  };
  for (const auto& [epoch, expected] : epochs) {
    const v1::SnapshotSelector selector = Select("web1", generation_, epoch);
    v1::CreatePinRequest pin;
    *pin.mutable_snapshot() = selector;
    v1::CreatePinResponse pinned;
    grpc::ClientContext pin_call;
    EXPECT_EQ(pins_->CreatePin(&pin_call, pin, &pinned).error_code(), expected);

    v1::HoldPinRequest hold;
    *hold.mutable_snapshot() = selector;
    grpc::ClientContext hold_call;
    EXPECT_EQ(Drain(hold_call, *pins_->HoldPin(&hold_call, hold)).error_code(), expected);

    v1::ReadPagesRequest pages;
    *pages.mutable_snapshot() = selector;
    grpc::ClientContext pages_call;
    EXPECT_EQ(Drain(pages_call, *memory_->ReadPages(&pages_call, pages)).error_code(), expected);

    v1::ListChangedExtentsRequest changed;
    changed.set_guest("web1");
    changed.set_base_generation(1);
    changed.set_epoch(epoch);
    grpc::ClientContext changed_call;
    EXPECT_EQ(
        Drain(changed_call, *snapshots_->ListChangedExtents(&changed_call, changed)).error_code(),
        expected);

    v1::WatchSnapshotsRequest watch;
    watch.set_guest("web1");
    watch.set_epoch(epoch);
    grpc::ClientContext watch_call;
    EXPECT_EQ(Drain(watch_call, *snapshots_->WatchSnapshots(&watch_call, watch)).error_code(),
              expected);
  }
  NotePeak();
}

TEST_F(CallTortureTest, TenThousandPins) {
  std::map<StatusCode, int> codes;
  std::vector<std::string> ids;
  v1::CreatePinRequest request;
  *request.mutable_snapshot() = Selector();
  request.set_ttl_ms(600'000);
  for (int i = 0; i < 10'000; ++i) {
    v1::CreatePinResponse response;
    grpc::ClientContext call;
    ++codes[pins_->CreatePin(&call, request, &response).error_code()];
    if (!response.pin().id().empty()) ids.push_back(response.pin().id());
    if (i % 1000 == 0) NotePeak();
  }
  fmt::print("10000 pins asked for: {} given, {} refused\n", codes[StatusCode::OK],
             codes[StatusCode::RESOURCE_EXHAUSTED]);
  EXPECT_GT(codes[StatusCode::OK], 0);
  EXPECT_LE(codes[StatusCode::OK], 256);
  EXPECT_EQ(codes[StatusCode::OK] + codes[StatusCode::RESOURCE_EXHAUSTED], 10'000);
  // Each once; the second time, and any other id, is none.
  ids.insert(ids.end(), ids.begin(), ids.end());
  ids.emplace_back("");
  ids.emplace_back(1'000'000, 'x');
  std::map<StatusCode, std::size_t> released;
  for (const std::string& id : ids) {
    v1::ReleasePinRequest release;
    release.set_id(id);
    v1::ReleasePinResponse response;
    grpc::ClientContext call;
    ++released[pins_->ReleasePin(&call, release, &response).error_code()];
  }
  EXPECT_EQ(released[StatusCode::OK], static_cast<std::size_t>(codes[StatusCode::OK]));
  EXPECT_EQ(released[StatusCode::NOT_FOUND], released[StatusCode::OK] + 2);
  for (const std::uint64_t ttl_ms : {kFar, kFar / 1'000'000, std::uint64_t{600'001}}) {
    request.set_ttl_ms(ttl_ms);
    v1::CreatePinResponse response;
    grpc::ClientContext call;
    EXPECT_EQ(pins_->CreatePin(&call, request, &response).error_code(),
              StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(CallTortureTest, TenThousandStreamsAtOnce) {
  // One connection lets only some through at a time; the rest waits in the client or is refused.
  v1::HoldPinRequest request;
  *request.mutable_snapshot() = Selector();
  struct Held {
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientAsyncReader<v1::HoldPinResponse>> stream;
    grpc::Status status;
  };
  constexpr int kCalls = 10'000;
  std::vector<Held> held(kCalls);
  grpc::CompletionQueue queue;
  for (Held& one : held) {
    one.stream = pins_->AsyncHoldPin(&one.call, request, &queue, &one);
  }
  NotePeak();
  // Half of them are withdrawn while they wait, the others once those are gone.
  for (int i = 0; i < kCalls; i += 2) held[static_cast<std::size_t>(i)].call.TryCancel();
  for (int i = 1; i < kCalls; i += 2) held[static_cast<std::size_t>(i)].call.TryCancel();
  void* tag = nullptr;
  bool ok = false;
  std::map<StatusCode, int> codes;
  for (int started = 0; started < kCalls; ++started) ASSERT_TRUE(queue.Next(&tag, &ok));
  for (Held& one : held) one.stream->Finish(&one.status, &one);
  for (int ended = 0; ended < kCalls; ++ended) {
    ASSERT_TRUE(queue.Next(&tag, &ok));
    ++codes[static_cast<Held*>(tag)->status.error_code()];
  }
  NotePeak();
  fmt::print("{} calls to hold a pin: {} withdrawn, {} refused\n", kCalls,
             codes[StatusCode::CANCELLED], codes[StatusCode::RESOURCE_EXHAUSTED]);
  EXPECT_EQ(codes[StatusCode::CANCELLED] + codes[StatusCode::RESOURCE_EXHAUSTED], kCalls);
}

TEST_F(CallTortureTest, CallsCancelledAtEveryPoint) {
  int calls = 0;
  const auto everywhere = [&](auto&& open) {
    // After so many messages...
    for (int messages = 0; messages < 12; ++messages, ++calls) {
      grpc::ClientContext call;
      const auto stream = open(call);
      Drain(call, *stream, messages);
    }
    // ...and while the call is on its way, by another thread.
    for (int spins = 1; spins < 1 << 18; spins *= 2, ++calls) {
      grpc::ClientContext call;
      const auto stream = open(call);
      std::thread canceller([&call, spins] {
        for (int i = 0; i < spins; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
        call.TryCancel();
      });
      Drain(call, *stream);
      canceller.join();
    }
  };
  for (int round = 0; round < 5; ++round) {
    everywhere([&](grpc::ClientContext& call) {
      v1::ReadPagesRequest request;
      *request.mutable_snapshot() = Selector();
      request.set_chunk_bytes(1 << 16);
      return memory_->ReadPages(&call, request);
    });
    everywhere([&](grpc::ClientContext& call) {
      v1::HoldPinRequest request;
      *request.mutable_snapshot() = Selector();
      // One message and no more: what is asked for beyond is waited for.
      call.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(30));
      return pins_->HoldPin(&call, request);
    });
    everywhere([&](grpc::ClientContext& call) {
      v1::ListAllocatedExtentsRequest request;
      *request.mutable_snapshot() = Selector();
      return snapshots_->ListAllocatedExtents(&call, request);
    });
    everywhere([&](grpc::ClientContext& call) {
      v1::WatchSnapshotsRequest request;
      call.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(30));
      return snapshots_->WatchSnapshots(&call, request);
    });
    // Captures: the deadline passes at another point each time.
    for (int us = 1; us < 1 << 16; us *= 2, ++calls) {
      v1::CaptureSnapshotRequest request;
      request.set_guest("web1");
      v1::CaptureSnapshotResponse response;
      grpc::ClientContext call;
      call.set_deadline(std::chrono::system_clock::now() + std::chrono::microseconds(us));
      static_cast<void>(snapshots_->CaptureSnapshot(&call, request, &response));
    }
    NotePeak();
  }
  fmt::print("{} calls cancelled\n", calls);
  // The generation of the beginning may be gone by now: the newest shows the same memory.
  const auto newest = remote().Capture("web1");
  ASSERT_TRUE(newest.ok()) << newest.status();
  generation_ = newest->generation();
}

TEST_F(CallTortureTest, LargestAnswersToManyWhoDoNotRead) {
  // Each asks for 4 MiB again and again and reads none of it: an answer is held twice while it is
  // sent, as a message and as its bytes.
  peak_bytes_max_ += kStreamsMax * (std::uint64_t{8} << 20);
  v1::ReadScatterRequest request;
  *request.mutable_snapshot() = Selector();
  for (int i = 0; i < 4; ++i) {
    auto& read = *request.add_reads();
    read.set_address(static_cast<std::uint64_t>(i) << 20);
    read.set_length(1 << 20);
  }
  struct Asking {
    grpc::ClientContext call;
    std::unique_ptr<grpc::ClientReaderWriter<v1::ReadScatterRequest, v1::ReadScatterResponse>>
        stream;
  };
  std::vector<Asking> asking(kStreamsMax);
  for (Asking& one : asking) {
    one.stream = memory_->ReadScatter(&one.call);
    one.stream->Write(request);
    one.stream->Write(request);
  }
  ASSERT_TRUE(Eventually([&] { return local_->GetStats()->pins() > 0; }));
  EXPECT_TRUE(Eventually([&] {
    NotePeak();
    return local_->GetStats()->pins() == 0;
  })) << "readers that take nothing are dropped";
  for (Asking& one : asking) {
    one.call.TryCancel();
    static_cast<void>(one.stream->Finish());
  }
}

}  // namespace
}  // namespace stillframe
