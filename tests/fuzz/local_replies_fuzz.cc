// A daemon that lies to a reader: whatever it answers, and whatever descriptors it passes, the
// reader gets an error or memory that it can read.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/memfd.h"
#include "base/mutex.h"
#include "fuzz/support/fuzz_input.h"
#include "fuzz/support/fuzz_target.h"
#include "fuzz/support/quiet_protobuf.h"
#include "local/client.h"
#include "local/flat_memory.h"
#include "local/frame_socket.h"
#include "local/socket_address.h"
#include "store/control_page.h"
#include "store/machine_frames.h"
#include "store/page_map.h"
#include "support/temp_directory.h"

namespace {

using namespace stillframe;
using namespace stillframe::fuzz;
using local::v1::Reply;
using local::v1::Request;

constexpr std::uint64_t kPages = 16;

// How an answer is given: bits of a byte.
constexpr std::uint8_t kRaw = 1;      // the bytes as they are, then the end
constexpr std::uint8_t kOtherId = 2;  // an answer to nothing, then the end
constexpr std::uint8_t kLateDescriptors = 4;

// What a hostile daemon could pass.
class PassedFiles {
 public:
  PassedFiles() : frames_(*MachineFrames::Seal("frames", std::vector<std::uint64_t>(kPages, 7))) {
    std::vector<Slot> slots(kPages);
    for (Slot page = 0; page < kPages; ++page) slots[page] = page % 5 == 4 ? kHoleSlot : page;
    good_ = *PageMap::Seal("pages", slots);
    slots[3] = 1u << 20;
    wild_ = *PageMap::Seal("pages", slots);
    control_ = *ControlPage::Create(1);
    static_cast<void>(control_->Bear(Generation{1}));
    segment_ = *CreateMemfd("segment", kPages * kPageBytes);
    Require(SealAgainstNewWriters(segment_.get()).ok(), "memfds can be sealed");
    unsealed_ = *CreateMemfd("unsealed", kPages * kPageBytes);
    empty_ = *CreateMemfd("empty", 0);
  }

  std::uint64_t control_bytes() const { return control_->bytes(); }

  int At(std::uint8_t which) const {
    const int all[] = {good_.fd(), control_->fd(),  segment_.get(), frames_.fd(),
                       wild_.fd(), unsealed_.get(), empty_.get(),   STDERR_FILENO};
    return all[which % std::size(all)];
  }

 private:
  PageMap good_, wild_;
  MachineFrames frames_;
  std::unique_ptr<ControlPage> control_;
  UniqueFd segment_, unsealed_, empty_;
};

// Serves one reader after the other with the answers of the input at hand.
class HostileDaemon {
 public:
  HostileDaemon() {
    const sockaddr_un address = *UnixAddress(path());
    listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Require(
        bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
            listen(listener_.get(), 4) == 0,
        "there are sockets");
    std::thread([this] {
      while (true) Serve(UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK)));
    }).detach();
  }

  std::string path() const { return directory_.path() + "/socket"; }
  const PassedFiles& descriptors() const { return descriptors_; }

  void SetAnswers(std::string_view answers) {
    MutexLock lock(mu_);
    answers_ = answers;
  }

 private:
  void Serve(UniqueFd reader) {
    std::string answers;
    {
      MutexLock lock(mu_);
      answers = answers_;
    }
    FuzzInput input(answers);
    FrameReceiver receiver(kRequestBytesMax, Descriptors::kRefused);
    while (true) {
      const auto frame = receiver.Receive(reader.get());
      if (!frame.ok()) return;
      if (!frame->has_value()) {
        pollfd more{reader.get(), POLLIN, 0};
        poll(&more, 1, -1);
        continue;
      }
      Request request;
      if (!request.ParseFromString((*frame)->body)) return;
      const bool answered =
          request.has_hello() ? Greet(request, reader.get()) : Answer(request, input, reader.get());
      if (!answered) return;
    }
  }

  static bool Greet(const Request& request, int reader) {
    Reply reply;
    reply.set_id(request.id());
    reply.mutable_hello()->set_protocol(1);
    return Send({*EncodeFrame(reply, kReplyBytesMax), {}, nullptr}, reader);
  }

  bool Answer(const Request& request, FuzzInput& input, int reader) {
    if (request.has_release_pin() || request.request_case() == Request::kCancel) return true;
    if (input.empty()) return false;
    const auto how = input.Take<std::uint8_t>();
    OutgoingFrame outgoing;
    for (std::size_t left = input.Take<std::uint8_t>() % 5; left > 0; --left) {
      outgoing.descriptors.push_back(descriptors_.At(input.Take<std::uint8_t>()));
    }
    const std::string body(input.TakeChunk());
    if ((how & kRaw) != 0) {
      outgoing.bytes = body;
      if (!body.empty()) Send(std::move(outgoing), reader);
      return false;
    }
    Reply reply;
    static_cast<void>(reply.ParsePartialFromString(body));
    if ((how & kOtherId) == 0) reply.set_id(request.id());
    outgoing.bytes = *EncodeFrame(reply, kReplyBytesMax);
    if ((how & kLateDescriptors) != 0) {
      OutgoingFrame begun{outgoing.bytes.substr(0, 2), {}, nullptr};
      outgoing.bytes.erase(0, 2);
      return Send(std::move(begun), reader) && Send(std::move(outgoing), reader) && false;
    }
    return Send(std::move(outgoing), reader) && (how & kOtherId) == 0;
  }

  // False: it was not all taken.
  static bool Send(OutgoingFrame frame, int reader) {
    FrameSender sender;
    sender.Push(std::move(frame));
    return sender.Flush(reader).ok() && sender.empty();
  }

  TempDirectory directory_;
  PassedFiles descriptors_;
  UniqueFd listener_;
  Mutex mu_;
  std::string answers_ ABSL_GUARDED_BY(mu_);
};

HostileDaemon& Daemon() {
  static HostileDaemon* const daemon = new HostileDaemon;
  return *daemon;
}

// Touches all that the snapshot says is there.
void ReadAll(const PinnedSnapshot& snapshot) {
  std::uint64_t sum = 0;
  for (Gfn at{0}; at.value < snapshot.page_count();) {
    const PinnedSnapshot::Run run = snapshot.RunAt(at, Gfn{snapshot.page_count()});
    Require(!run.range.empty() && run.range.end().value <= snapshot.page_count(),
            "runs lie in the snapshot");
    if (run.state == PageState::kPresent) {
      for (std::uint64_t page = 0; page < run.range.pages; ++page) {
        sum += static_cast<std::uint64_t>(run.bytes[page * kPageBytes]);
      }
    }
    at = run.range.end();
  }
  const PageLookup lookup = snapshot.lookup();
  for (Gfn at{0}; at.value < snapshot.page_count(); at = at + 1) {
    if (const std::byte* bytes = lookup.BytesOf(at)) sum += static_cast<std::uint64_t>(*bytes);
  }
  for (const std::uint64_t frame : snapshot.machine_frames()) sum += frame;
  std::vector<std::byte> buffer(3 * kPageBytes);
  for (const std::uint64_t address : {std::uint64_t{0}, snapshot.page_count() << kPageShift,
                                      ~std::uint64_t{0}, std::uint64_t{kPageBytes - 1}}) {
    static_cast<void>(snapshot.Read(address, buffer));
  }
  static_cast<void>(FlatMemory::Of(snapshot));
  static_cast<void>(snapshot.CheckHeld());
  const volatile std::uint64_t kept = sum;
  static_cast<void>(kept);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  HostileDaemon& daemon = Daemon();
  FuzzInput input(bytes, size);
  const auto asked = input.Take<std::uint8_t>();
  daemon.SetAnswers(input.TakeRest());
  auto client = LocalClient::Connect(daemon.path());
  if (!client.ok()) return 0;
  if ((asked & 1) != 0) static_cast<void>((*client)->ListGuests());
  if ((asked & 2) != 0) static_cast<void>((*client)->ListSnapshots("web1"));
  v1::SnapshotSelector selector;
  selector.set_guest("web1");
  if ((asked & 4) != 0) static_cast<void>((*client)->GetSnapshot(selector));
  if ((asked & 8) != 0) {
    auto first = (*client)->Pin(selector, std::chrono::milliseconds(0));
    auto second = (*client)->Pin(selector, std::chrono::milliseconds(1));
    if (first.ok()) ReadAll(**first);
    if (second.ok()) ReadAll(**second);
  }
  std::atomic<int> ends{0};
  auto watch = (*client)->Watch("web1", 0, "", {.on_end = [&ends](absl::Status) { ++ends; }});
  auto capture = (*client)->Capture("web1", [&ends](absl::StatusOr<v1::Snapshot>) { ++ends; });
  if ((asked & 16) != 0) watch.reset();
  static_cast<void>((*client)->GetStats());
  capture.reset();
  watch.reset();
  Require(ends <= 2, "an operation ends once");
  return 0;
}

namespace stillframe::fuzz {
namespace {

Reply Pinned() {
  Reply reply;
  local::v1::Pinned& pinned = *reply.mutable_pinned();
  pinned.set_pin(7);
  pinned.mutable_snapshot()->set_guest_uuid("guest");
  pinned.mutable_snapshot()->set_generation(1);
  pinned.mutable_snapshot()->set_page_count(kPages);
  pinned.set_arena(1);
  pinned.set_segment_bytes(kPages * kPageBytes);
  pinned.set_segment_count(1);
  pinned.set_control_bytes(Daemon().descriptors().control_bytes());
  return reply;
}

void Add(FuzzSeed& seed, std::uint8_t how, const std::vector<std::uint8_t>& descriptors,
         const Reply& reply) {
  seed.Put(how).Put(static_cast<std::uint8_t>(descriptors.size()));
  for (const std::uint8_t which : descriptors) seed.Put(which);
  seed.Chunk(reply.SerializeAsString());
}

std::string PinWith(const Reply& pinned, const std::vector<std::uint8_t>& descriptors,
                    std::uint8_t segment = 2) {
  FuzzSeed seed;
  seed.Put<std::uint8_t>(8);
  Add(seed, 0, descriptors, pinned);
  Reply segments;
  segments.mutable_segments()->set_count(1);
  Add(seed, 0, {segment}, segments);
  Add(seed, 0, descriptors, pinned);
  return seed.Take();
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  FuzzSeed lists;
  lists.Put<std::uint8_t>(1 | 2 | 4);
  Reply reply;
  reply.mutable_guests()->add_guests()->set_name("web1");
  Add(lists, 0, {}, reply);
  reply.mutable_snapshots()->add_snapshots()->set_generation(1);
  Add(lists, 0, {}, reply);
  reply.mutable_error()->set_code(0);
  Add(lists, 0, {}, reply);
  reply.mutable_watching();
  Add(lists, 0, {}, reply);
  reply.mutable_snapshot()->set_generation(2);
  Add(lists, 0, {}, reply);
  reply.mutable_stats()->set_pins(1);
  Add(lists, 0, {}, reply);
  seeds.push_back(lists.Take());

  Reply pinned = Pinned();
  seeds.push_back(PinWith(pinned, {0, 1}));
  seeds.push_back(PinWith(pinned, {4, 1}));
  for (const std::uint8_t other : {5, 6, 7}) {
    seeds.push_back(PinWith(pinned, {other, 1}));
    seeds.push_back(PinWith(pinned, {0, other}));
    seeds.push_back(PinWith(pinned, {0, 1}, other));
  }
  pinned.mutable_pinned()->mutable_snapshot()->set_frame_space(v1::Snapshot::FRAME_SPACE_MACHINE);
  seeds.push_back(PinWith(pinned, {0, 1, 3}));
  pinned = Pinned();
  pinned.mutable_pinned()->set_segment_bytes(std::uint64_t{1} << 43);
  pinned.mutable_pinned()->set_segment_count(0xffffffff);
  seeds.push_back(PinWith(pinned, {0, 1}));
  pinned = Pinned();
  pinned.mutable_pinned()->mutable_snapshot()->set_page_count((std::uint64_t{1} << 62) + 1);
  pinned.mutable_pinned()->set_liveness_index(0xffffffff);
  seeds.push_back(PinWith(pinned, {0, 1}));

  FuzzSeed raw;
  raw.Put<std::uint8_t>(1).Put(kRaw).Put<std::uint8_t>(1).Put<std::uint8_t>(0).Chunk(
      "\xff\xff\xff\x7f");
  seeds.push_back(raw.Take());
  FuzzSeed late;
  late.Put<std::uint8_t>(1);
  Add(late, kLateDescriptors, {0}, reply);
  seeds.push_back(late.Take());
  return seeds;
}

}  // namespace stillframe::fuzz
