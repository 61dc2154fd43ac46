// A reader's whole conversation with the daemon: requests, garbage and time passing, in any order.
//
// A real connection over a real store and one guest. Afterwards nothing of the reader is left.
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <memory>

#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "local/reader_connection.h"
#include "support/fake_clock.h"
#include "support/fake_guest_directory.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;
using local::v1::Reply;
using local::v1::Request;

enum Step : std::uint8_t {
  kFrame,    // a chunk, framed
  kBytes,    // a chunk as it is
  kTime,     // 16 bits of milliseconds
  kPublish,  // a generation
  kReboot,
  kCaptured,  // open captures are answered
  kSteps,
};

// One guest with two generations: the same for every reader, but made anew once one changed it.
class World {
 public:
  World() : directory_(clock_, {.generations_max = 2, .pins_max = 16}, /*log_events=*/8) {
    directory_.SetMachineFrames(std::vector<std::uint64_t>(FakeGuestDirectory::kPages, 7));
  }

  void Restore() {
    if (!std::exchange(changed_, false)) return;
    directory_.BeginEpoch();
    directory_.Publish(std::byte{1});
    directory_.Publish(std::byte{2});
  }

  FakeGuestDirectory& Change() {
    changed_ = true;
    return directory_;
  }
  FakeGuestDirectory& directory() { return directory_; }
  FakeClock& clock() { return clock_; }

 private:
  FakeClock clock_;
  FakeGuestDirectory directory_;
  bool changed_ = true;
};

// Serves one reader, as the daemon's loop does.
class Serving {
 public:
  explicit Serving(World& world)
      : world_(world), directory_(world.directory()), clock_(world.clock()) {
    options_.pins_per_connection_max = 8;
    options_.operations_per_connection_max = 8;
    options_.output_bytes_per_connection_max = 1 << 20;
    int ends[2] = {-1, -1};
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
            "there are sockets");
    reader_.reset(ends[0]);
    completions_ = std::make_shared<CompletionQueue>(UniqueFd(eventfd(0, EFD_CLOEXEC)));
    context_ = std::make_unique<ConnectionContext>(
        ConnectionContext{options_, directory_, clock_, arenas_, completions_,
                          [](local::v1::Stats& stats) { stats.set_uptime_ms(1); }});
    connection_ = std::make_unique<ReaderConnection>(*context_, 1, UniqueFd(ends[1]));
  }

  ~Serving() {
    connection_.reset();
    Require(directory_.store()->pin_count() == 0, "a connection's pins go with it");
    Require(directory_.open_captures() == 0, "a connection's captures go with it");
  }

  // False: the connection ended.
  bool Do(FuzzInput& input) {
    switch (input.Take<std::uint8_t>() % kSteps) {
      case kFrame: {
        const std::string_view body = input.TakeChunk();
        FuzzSeed frame;
        frame.Put(static_cast<std::uint32_t>(body.size())).Text(body);
        Say(frame.Take());
        break;
      }
      case kBytes:
        Say(std::string(input.TakeChunk()));
        break;
      case kTime:
        clock_.AdvanceMs(input.Take<std::uint16_t>());
        directory_.store()->ExpirePins();
        connection_->pins().ReleaseExpired();
        break;
      case kPublish:
        if (published_++ < 32) world_.Change().Publish(std::byte{3}, 1);
        connection_->NoteEvents();
        break;
      case kReboot:
        if (reboots_++ >= 2) break;
        world_.Change().BeginEpoch();
        directory_.Publish(std::byte{4});
        connection_->NoteEvents();
        break;
      case kCaptured:
        directory_.FinishCaptures(directory_.store()->Get(Generation{}));
        for (const Completion& completion : completions_->TakeAll()) {
          if (!connection_->Complete(completion.request, completion.result).ok()) return false;
        }
        break;
    }
    const absl::Status received = connection_->Receive();
    Hear();
    if (!received.ok()) {
      connection_->SayGoodbye(received);
      Hear();
      return false;
    }
    const bool fed = connection_->CheckPatience(clock_.MonotonicNs()).ok() &&
                     connection_->FeedWatches().ok() && connection_->Flush().ok();
    Hear();
    Require(connection_->pins().size() <= options_.pins_per_connection_max, "pins are bounded");
    Require(connection_->watch_count() <= options_.operations_per_connection_max,
            "watches are bounded");
    return fed;
  }

 private:
  void Say(const std::string& bytes) {
    static_cast<void>(send(reader_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  // Whatever was asked, what is answered is a reply with the descriptors that belong to it.
  void Hear() {
    while (true) {
      auto frame = receiver_.Receive(reader_.get());
      if (!frame.ok() || !frame->has_value()) return;
      Reply reply;
      Require(reply.ParseFromString((*frame)->body), "the daemon sends replies");
      const std::size_t descriptors = (*frame)->descriptors.size();
      if (reply.has_pinned()) {
        Require(descriptors == 2 || descriptors == 3, "a pin has two or three descriptors");
      } else if (reply.has_segments()) {
        Require(descriptors == reply.segments().count(), "a descriptor for each segment");
      } else {
        Require(descriptors == 0, "no descriptor comes unasked");
      }
    }
  }

  World& world_;
  FakeGuestDirectory& directory_;
  FakeClock& clock_;
  LocalServerOptions options_;
  ArenaNumbers arenas_;
  std::shared_ptr<CompletionQueue> completions_;
  std::unique_ptr<ConnectionContext> context_;
  std::unique_ptr<ReaderConnection> connection_;
  UniqueFd reader_;
  FrameReceiver receiver_{kReplyBytesMax, Descriptors::kAccepted};
  int published_ = 0;
  int reboots_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static World* const world = new World;
  spdlog::set_level(spdlog::level::off);
  world->Restore();
  FuzzInput input(bytes, size);
  Serving serving(*world);
  for (int step = 0; step < 200 && !input.empty(); ++step) {
    if (!serving.Do(input)) break;
  }
  return 0;
}

namespace stillframe::fuzz {
namespace {

class Conversation {
 public:
  Conversation() { Add().mutable_hello()->set_protocol(1); }

  // The next request, to be filled in.
  Request& Add() {
    Flush();
    open_ = true;
    request_.Clear();
    request_.set_id(++id_);
    return request_;
  }
  Conversation& Then(Step step) {
    Flush();
    seed_.Put(static_cast<std::uint8_t>(step));
    return *this;
  }
  Conversation& Wait(std::uint16_t ms) {
    Then(kTime);
    seed_.Put(ms);
    return *this;
  }
  std::string Take() {
    Flush();
    return seed_.Take();
  }

 private:
  void Flush() {
    if (!std::exchange(open_, false)) return;
    seed_.Put(static_cast<std::uint8_t>(kFrame)).Chunk(request_.SerializeAsString());
  }

  FuzzSeed seed_;
  Request request_;
  bool open_ = false;
  std::uint64_t id_ = 0;
};

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;

  Conversation lists;
  lists.Add().mutable_list_guests();
  lists.Add().mutable_list_snapshots()->set_guest("web1");
  lists.Add().mutable_get_snapshot()->mutable_snapshot()->set_guest("web1");
  lists.Add().mutable_get_stats();
  seeds.push_back(lists.Take());

  Conversation pins;
  v1::SnapshotSelector* selector = pins.Add().mutable_pin_snapshot()->mutable_snapshot();
  selector->set_guest("web1");
  selector->set_generation(2);
  local::v1::GetSegments* segments = pins.Add().mutable_get_segments();
  segments->set_pin(1);
  segments->set_count(1);
  local::v1::PinSnapshot* brief = pins.Add().mutable_pin_snapshot();
  brief->mutable_snapshot()->set_guest("web1");
  brief->set_ttl_ms(100);
  pins.Then(kPublish).Then(kPublish);
  pins.Add().mutable_renew_pin()->set_pin(2);
  pins.Wait(60'000);
  pins.Add().mutable_release_pin()->set_pin(1);
  seeds.push_back(pins.Take());

  Conversation watches;
  watches.Add().mutable_watch();
  local::v1::Watch* one = watches.Add().mutable_watch();
  one->set_guest("web1");
  one->set_from_generation(1);
  for (int i = 0; i < 10; ++i) watches.Then(kPublish);
  watches.Then(kReboot);
  watches.Add().set_cancel(2);
  watches.Then(kPublish);
  seeds.push_back(watches.Take());

  Conversation captures;
  captures.Add().mutable_capture()->set_guest("web1");
  captures.Add().mutable_capture()->set_guest("web1");
  captures.Add().set_cancel(2);
  captures.Then(kCaptured);
  captures.Add().mutable_capture()->set_guest("web1");
  seeds.push_back(captures.Take());

  seeds.push_back(FuzzSeed().Put<std::uint8_t>(kBytes).Chunk("GET / HTTP/1.1\r\n\r\n").Take());
  return seeds;
}

}  // namespace stillframe::fuzz
