// Bytes sent to each method of a gateway that serves, over its socket: it answers or refuses, and
// afterwards nothing of the call is left.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "gateway/gateway_server.h"
#include "integration/gateway/test_daemon.h"
#include "local/client.h"
#include "stillframe/v1/guest_service.pb.h"
#include "stillframe/v1/memory_service.pb.h"
#include "stillframe/v1/pin_service.pb.h"
#include "stillframe/v1/snapshot_service.pb.h"
#include "support/temp_directory.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;

// The last two are none of ours.
constexpr std::array kMethods = {"/stillframe.v1.GuestService/ListGuests",
                                 "/stillframe.v1.GuestService/GetGuest",
                                 "/stillframe.v1.SnapshotService/ListSnapshots",
                                 "/stillframe.v1.SnapshotService/GetSnapshot",
                                 "/stillframe.v1.SnapshotService/CaptureSnapshot",
                                 "/stillframe.v1.SnapshotService/WatchSnapshots",
                                 "/stillframe.v1.SnapshotService/ListChangedExtents",
                                 "/stillframe.v1.SnapshotService/ListAllocatedExtents",
                                 "/stillframe.v1.PinService/CreatePin",
                                 "/stillframe.v1.PinService/RenewPin",
                                 "/stillframe.v1.PinService/ReleasePin",
                                 "/stillframe.v1.PinService/HoldPin",
                                 "/stillframe.v1.MemoryService/ReadPages",
                                 "/stillframe.v1.MemoryService/ReadScatter",
                                 "/stillframe.v1.MemoryService/ReadMachineFrames",
                                 "/grpc.health.v1.Health/Check",
                                 "/stillframe.v1.Nothing/AtAll"};

constexpr std::uint64_t kPages = 64;
constexpr int kAnswersMax = 8;

class Serving {
 public:
  Serving() {
    const std::string daemon_socket = directory_.path() + "/daemon.sock";
    daemon_ = std::make_unique<TestDaemon>(
        TestDaemon::Options{.socket_path = daemon_socket, .pages = kPages});
    daemon_->SetMachineFrames(std::vector<std::uint64_t>(kPages, 7));
    daemon_->Publish({0, 1, 2, 5, 63}, {{3, kHoleSlot}, {4, kMmioSlot}});
    daemon_->Publish({1, 9});
    GatewayOptions options;
    options.listen = {"unix:" + directory_.path() + "/gateway.sock"};
    options.daemon_socket = daemon_socket;
    options.limits.pin_ttl_ms_max = 50;
    auto gateway = GatewayServer::Start(
        options, [daemon_socket] { return LocalClient::Connect(daemon_socket); });
    Require(gateway.ok(), "a gateway starts");
    gateway_ = *std::move(gateway);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel(options.listen[0], grpc::InsecureChannelCredentials()));
    v1::ListGuestsRequest list;
    while (!Call(kMethods[0], {list.SerializeAsString()}).ok()) std::this_thread::yield();
  }

  grpc::Status Call(const char* method, const std::vector<std::string>& requests) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    grpc::CompletionQueue queue;
    const auto stream = stub_->PrepareCall(&context, method, &queue);
    stream->StartCall(nullptr);
    bool going = Next(queue);
    for (const std::string& request : requests) {
      if (!going) break;
      grpc::Slice slice(request);
      stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
      going = Next(queue);
    }
    if (going) {
      stream->WritesDone(nullptr);
      Next(queue);
    }
    // Watches and holds go on until they are cancelled; others may have much to say.
    const std::string_view name(method);
    const bool endless = name.ends_with("/WatchSnapshots") || name.ends_with("/HoldPin");
    bool more = true;
    for (int answer = 0; more && answer < (endless ? 1 : kAnswersMax); ++answer) {
      grpc::ByteBuffer response;
      stream->Read(&response, nullptr);
      more = Next(queue);
    }
    if (more) context.TryCancel();
    grpc::Status status;
    stream->Finish(&status, nullptr);
    Next(queue);
    return status;
  }

  // What the gateway still holds for callers. Pins end by themselves.
  void RequireIdle() {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (true) {
      const GatewayServer::Statistics now = gateway_->statistics();
      if (now.streams == 0 && now.inflight_bytes == 0 && now.pins <= pins_max_) return;
      Require(std::chrono::steady_clock::now() < patience, "nothing of a call stays behind");
      std::this_thread::yield();
    }
  }

 private:
  static bool Next(grpc::CompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  }

  const std::uint32_t pins_max_ = GatewayOptions{}.limits.pins_max;
  TempDirectory directory_;
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<GatewayServer> gateway_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Serving* const serving = new Serving;
  FuzzInput input(bytes, size);
  const char* const method = kMethods[input.TakeBelow(kMethods.size())];
  std::vector<std::string> requests;
  do {
    requests.emplace_back(input.TakeChunk());
  } while (!input.empty() && requests.size() < 4);
  const grpc::Status status = serving->Call(method, requests);
  Require(status.error_code() != grpc::StatusCode::UNKNOWN &&
              status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED &&
              status.error_code() != grpc::StatusCode::UNAVAILABLE,
          "the gateway answers every call, with a reason");
  serving->RequireIdle();
  return 0;
}

namespace stillframe::fuzz {
namespace {

std::string Calling(std::size_t method, const std::vector<std::string>& requests) {
  FuzzSeed seed;
  seed.Put(static_cast<std::uint16_t>(method));
  for (const std::string& request : requests) seed.Chunk(request);
  return seed.Take();
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (std::size_t method = 0; method < kMethods.size(); ++method) {
    seeds.push_back(Calling(method, {""}));
    seeds.push_back(Calling(method, {"\xff\xff\xff\xff\xff"}));
    // Most requests have a guest, or a selector with one, as their first field.
    v1::GetGuestRequest by_name;
    by_name.set_guest("web1");
    seeds.push_back(Calling(method, {by_name.SerializeAsString()}));
    v1::GetSnapshotRequest by_selector;
    by_selector.mutable_snapshot()->set_guest("web1");
    by_selector.mutable_snapshot()->set_generation(2);
    seeds.push_back(Calling(method, {by_selector.SerializeAsString()}));
    by_selector.mutable_snapshot()->set_epoch("00000000-0000-0000-0000-000000000000");
    seeds.push_back(Calling(method, {by_selector.SerializeAsString()}));
  }
  v1::ListGuestsRequest guests;
  guests.set_page_size(2);
  guests.set_page_token("dHdpbgA");
  seeds.push_back(Calling(0, {guests.SerializeAsString()}));
  v1::ListSnapshotsRequest snapshots;
  snapshots.set_guest("web1");
  snapshots.set_page_size(1);
  snapshots.set_page_token("AA==");
  seeds.push_back(Calling(2, {snapshots.SerializeAsString()}));
  v1::WatchSnapshotsRequest watch;
  watch.set_guest("web1");
  watch.set_from_generation(~std::uint64_t{0});
  seeds.push_back(Calling(5, {watch.SerializeAsString()}));
  v1::ListChangedExtentsRequest changed;
  changed.set_guest("web1");
  changed.set_base_generation(1);
  changed.set_target_generation(2);
  changed.set_coalesce_pages(~std::uint64_t{0});
  seeds.push_back(Calling(6, {changed.SerializeAsString()}));
  v1::CreatePinRequest pin;
  pin.mutable_snapshot()->set_guest("web1");
  pin.set_ttl_ms(~std::uint64_t{0});
  seeds.push_back(Calling(8, {pin.SerializeAsString()}));
  v1::ReadPagesRequest pages;
  pages.mutable_snapshot()->set_guest("web1");
  pages.set_skip_empty(true);
  pages.set_chunk_bytes(1);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{60}, ~std::uint64_t{0}}) {
    v1::PageRange& range = *pages.add_ranges();
    range.set_first_gfn(first);
    range.set_page_count(4);
    seeds.push_back(Calling(12, {pages.SerializeAsString()}));
  }
  v1::ReadScatterRequest scatter;
  scatter.mutable_snapshot()->set_guest("web1");
  for (const std::uint64_t address : {std::uint64_t{4090}, std::uint64_t{3} << 12}) {
    auto& read = *scatter.add_reads();
    read.set_address(address);
    read.set_length(16);
  }
  v1::ReadScatterRequest more;
  more.add_reads()->set_length(1);
  seeds.push_back(Calling(13, {scatter.SerializeAsString(), more.SerializeAsString()}));
  more.mutable_reads(0)->set_address(~std::uint64_t{0});
  more.mutable_reads(0)->set_length(~std::uint32_t{0});
  seeds.push_back(Calling(13, {scatter.SerializeAsString(), more.SerializeAsString()}));
  return seeds;
}

}  // namespace stillframe::fuzz
