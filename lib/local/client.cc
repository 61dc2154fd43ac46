#include "local/client.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <utility>

#include "base/status.h"
#include "local/arena_cache.h"
#include "local/channel.h"
#include "local/connect.h"
#include "local/mapped_snapshot.h"

namespace stillframe {
namespace {

using local::v1::Request;

constexpr std::chrono::milliseconds kAnswerTimeout{10'000};
constexpr std::uint32_t kProtocol = 1;

absl::Status Unexpected(std::string_view wanted) {
  return absl::DataLossError(
      fmt::format("stillframed answered a request for {} with something else", wanted));
}

class OpenRequest final : public LocalClient::Operation {
 public:
  OpenRequest(std::shared_ptr<Channel> channel, std::uint64_t id)
      : channel_(std::move(channel)), id_(id) {}
  ~OpenRequest() override { channel_->Cancel(id_); }

 private:
  const std::shared_ptr<Channel> channel_;
  const std::uint64_t id_;
};

class SocketClient final : public LocalClient {
 public:
  // The channel's thread uses `arenas` until Shutdown.
  SocketClient(std::shared_ptr<ArenaCache> arenas, std::shared_ptr<Channel> channel)
      : arenas_(std::move(arenas)), channel_(std::move(channel)) {}
  ~SocketClient() override { channel_->Shutdown(); }

  absl::Status SayHello() {
    Request request;
    request.mutable_hello()->set_protocol(kProtocol);
    SF_ASSIGN_OR_RETURN(const Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_hello()) return Unexpected("hello");
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<v1::Guest>> ListGuests() override {
    Request request;
    request.mutable_list_guests();
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_guests()) return Unexpected("guests");
    auto& guests = *answer.reply.mutable_guests()->mutable_guests();
    return std::vector<v1::Guest>(std::make_move_iterator(guests.begin()),
                                  std::make_move_iterator(guests.end()));
  }

  absl::StatusOr<std::vector<v1::Snapshot>> ListSnapshots(std::string_view guest) override {
    Request request;
    request.mutable_list_snapshots()->set_guest(std::string(guest));
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_snapshots()) return Unexpected("snapshots");
    auto& snapshots = *answer.reply.mutable_snapshots()->mutable_snapshots();
    return std::vector<v1::Snapshot>(std::make_move_iterator(snapshots.begin()),
                                     std::make_move_iterator(snapshots.end()));
  }

  absl::StatusOr<v1::Snapshot> GetSnapshot(const v1::SnapshotSelector& selector) override {
    Request request;
    *request.mutable_get_snapshot()->mutable_snapshot() = selector;
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_snapshot()) return Unexpected("a snapshot");
    return std::move(*answer.reply.mutable_snapshot());
  }

  absl::StatusOr<std::shared_ptr<PinnedSnapshot>> Pin(const v1::SnapshotSelector& selector,
                                                      std::chrono::milliseconds ttl) override {
    Request request;
    *request.mutable_pin_snapshot()->mutable_snapshot() = selector;
    request.mutable_pin_snapshot()->set_ttl_ms(static_cast<std::uint64_t>(ttl.count()));
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_pinned()) return Unexpected("a pin");
    const std::uint64_t pin = answer.reply.pinned().pin();
    auto mapped = Map(std::move(answer));
    if (!mapped.ok()) {
      Release(*channel_, pin);
      return mapped.status();
    }
    return std::shared_ptr<PinnedSnapshot>(*std::move(mapped));
  }

  absl::Status Renew(const PinnedSnapshot& snapshot, std::chrono::milliseconds ttl) override {
    const auto* mapped = dynamic_cast<const MappedSnapshot*>(&snapshot);
    if (mapped == nullptr) {
      return absl::InvalidArgumentError("renew a pin: the snapshot is not of a local reader");
    }
    Request request;
    request.mutable_renew_pin()->set_pin(mapped->pin());
    request.mutable_renew_pin()->set_ttl_ms(static_cast<std::uint64_t>(ttl.count()));
    return Ask(std::move(request)).status();
  }

  std::unique_ptr<Operation> Capture(
      std::string_view guest, std::function<void(absl::StatusOr<v1::Snapshot>)> done) override {
    Request request;
    request.mutable_capture()->set_guest(std::string(guest));
    const std::uint64_t id =
        channel_->Open(std::move(request), Channel::Replies::kOne,
                       [done = std::move(done)](absl::StatusOr<Channel::Incoming> incoming) {
                         if (!incoming.ok()) return done(incoming.status());
                         if (!incoming->reply.has_snapshot()) return done(Unexpected("a capture"));
                         done(std::move(*incoming->reply.mutable_snapshot()));
                       });
    return std::make_unique<OpenRequest>(channel_, id);
  }

  std::unique_ptr<Operation> Watch(std::string_view guest, std::uint64_t from_generation,
                                   std::string_view epoch, WatchHandler handler) override {
    Request request;
    request.mutable_watch()->set_guest(std::string(guest));
    request.mutable_watch()->set_from_generation(from_generation);
    request.mutable_watch()->set_epoch(std::string(epoch));
    const std::uint64_t id =
        channel_->Open(std::move(request), Channel::Replies::kMany,
                       [handler = std::move(handler)](absl::StatusOr<Channel::Incoming> incoming) {
                         if (!incoming.ok()) {
                           if (handler.on_end) handler.on_end(incoming.status());
                         } else if (incoming->reply.has_watching()) {
                           if (handler.on_established) handler.on_established();
                         } else if (incoming->reply.has_event()) {
                           if (handler.on_event) handler.on_event(incoming->reply.event());
                         }
                       });
    return std::make_unique<OpenRequest>(channel_, id);
  }

  absl::StatusOr<local::v1::Stats> GetStats() override {
    Request request;
    request.mutable_get_stats();
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_stats()) return Unexpected("statistics");
    return answer.reply.stats();
  }

  bool connected() const override { return channel_->connected(); }

 private:
  absl::StatusOr<Channel::Incoming> Ask(Request request) {
    return channel_->Call(std::move(request), kAnswerTimeout);
  }

  static void Release(Channel& channel, std::uint64_t pin) {
    Request request;
    request.mutable_release_pin()->set_pin(pin);
    channel.Post(std::move(request));
  }

  absl::StatusOr<std::shared_ptr<MappedSnapshot>> Map(Channel::Incoming answer) {
    local::v1::Pinned& pinned = *answer.reply.mutable_pinned();
    const bool has_machine_frames =
        pinned.snapshot().frame_space() == v1::Snapshot::FRAME_SPACE_MACHINE;
    if (answer.descriptors.size() != (has_machine_frames ? 3 : 2)) {
      return Unexpected("a pin (two file descriptors, with machine frames three)");
    }
    SF_ASSIGN_OR_RETURN(PageMap pages, PageMap::Open(std::move(answer.descriptors[0]),
                                                     pinned.snapshot().page_count()));
    SF_ASSIGN_OR_RETURN(LivenessWord liveness,
                        LivenessWord::Map(std::move(answer.descriptors[1]), pinned.control_bytes(),
                                          pinned.liveness_index()));
    std::optional<MachineFrames> machine_frames;
    if (has_machine_frames) {
      SF_ASSIGN_OR_RETURN(machine_frames, MachineFrames::Open(std::move(answer.descriptors[2]),
                                                              pinned.snapshot().page_count()));
    }
    SF_ASSIGN_OR_RETURN(
        const std::shared_ptr<MappedArena> arena,
        arenas_->Get(pinned.snapshot().guest_uuid(), pinned.arena(), pinned.segment_bytes()));
    SF_ASSIGN_OR_RETURN(
        std::vector<const std::byte*> segments,
        arena->Segments(pinned.segment_count(),
                        [this, pin = pinned.pin()](std::uint32_t first, std::uint32_t count) {
                          return FetchSegments(pin, first, count);
                        }));
    return MappedSnapshot::Create(
        {.metadata = std::move(*pinned.mutable_snapshot()),
         .pin = pinned.pin(),
         .pages = std::move(pages),
         .machine_frames = std::move(machine_frames),
         .liveness = std::move(liveness),
         .arena = arena,
         .segments = std::move(segments),
         .release = [channel = channel_](std::uint64_t pin) { Release(*channel, pin); }});
  }

  absl::StatusOr<std::vector<UniqueFd>> FetchSegments(std::uint64_t pin, std::uint32_t first,
                                                      std::uint32_t count) {
    Request request;
    request.mutable_get_segments()->set_pin(pin);
    request.mutable_get_segments()->set_first(first);
    request.mutable_get_segments()->set_count(count);
    SF_ASSIGN_OR_RETURN(Channel::Incoming answer, Ask(std::move(request)));
    if (!answer.reply.has_segments()) return Unexpected("segments");
    return std::move(answer.descriptors);
  }

  const std::shared_ptr<ArenaCache> arenas_;
  const std::shared_ptr<Channel> channel_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LocalClient>> LocalClient::Connect(const std::string& socket_path) {
  SF_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnixSocket(socket_path));
  const auto arenas = std::make_shared<ArenaCache>();
  SF_ASSIGN_OR_RETURN(std::unique_ptr<Channel> channel, Channel::Start(std::move(socket), [arenas] {
                        arenas->DropIdle(ArenaCache::Now());
                      }));
  auto client = std::make_unique<SocketClient>(arenas, std::move(channel));
  if (absl::Status hello = client->SayHello(); !hello.ok()) {
    return Annotate(hello, fmt::format("connect to stillframed at {}", socket_path));
  }
  return client;
}

}  // namespace stillframe
