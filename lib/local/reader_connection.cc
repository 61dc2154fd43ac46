#include "local/reader_connection.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "local/convert.h"
#include "local/selector.h"
#include "local/wire_error.h"

namespace stillframe {
namespace {

using local::v1::Reply;
using local::v1::Request;

constexpr std::uint32_t kProtocol = 1;
constexpr int kRequestsPerTurn = 64;
constexpr std::size_t kWatchOutputBytes = std::size_t{256} << 10;
constexpr std::size_t kEventsPerTurn = 16;
constexpr std::uint64_t kPatienceNs = 10'000'000'000;

std::string PeerOf(int socket) {
  ucred peer{};
  socklen_t bytes = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return "unknown";
  return fmt::format("pid {} uid {} gid {}", peer.pid, peer.uid, peer.gid);
}

absl::Status BrokeRule(const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("protocol broken: {}", what));
}

}  // namespace

ReaderConnection::ReaderConnection(const ConnectionContext& context, std::uint64_t number,
                                   UniqueFd socket)
    : context_(context),
      number_(number),
      socket_(std::move(socket)),
      receiver_(kRequestBytesMax, Descriptors::kRefused),
      pins_({context.options.pins_per_connection_max, context.options.pin_ttl_ms_max},
            context.clock),
      impatient_since_ns_(context.clock.MonotonicNs()) {
  spdlog::debug("local connection {}: {}", number_, PeerOf(socket_.get()));
}

ReaderConnection::~ReaderConnection() {
  for (const auto& [id, capture] : captures_) context_.directory.CancelCapture(capture);
}

absl::Status ReaderConnection::Receive() {
  for (int turn = 0; turn < kRequestsPerTurn; ++turn) {
    SF_ASSIGN_OR_RETURN(const std::optional<ReceivedFrame> frame, receiver_.Receive(socket_.get()));
    if (!frame.has_value()) break;
    SF_RETURN_IF_ERROR(Handle(*frame));
    impatient_since_ns_ = 0;
  }
  if (greeted_ && !receiver_.mid_frame()) {
    impatient_since_ns_ = 0;
  } else if (impatient_since_ns_ == 0) {
    impatient_since_ns_ = context_.clock.MonotonicNs();
  }
  return absl::OkStatus();
}

absl::Status ReaderConnection::CheckPatience(std::uint64_t now_ns) {
  if (impatient_since_ns_ == 0 || now_ns < impatient_since_ns_ + kPatienceNs) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(greeted_ ? "a request was begun and not completed within 10 s"
                                              : "no hello within 10 s");
}

absl::Status ReaderConnection::Handle(const ReceivedFrame& frame) {
  Request request;
  if (!request.ParseFromString(frame.body)) return BrokeRule("a frame is no request");
  if (request.id() == 0) return BrokeRule("a request has no id");
  if (IsOpen(request.id())) return BrokeRule("a request has the id of an open one");
  if (greeted_ == request.has_hello()) return BrokeRule("hello is said once, and first");

  Reply reply;
  reply.set_id(request.id());
  OutgoingFrame outgoing;
  if (request.has_hello()) {
    if (request.hello().protocol() != kProtocol) {
      return absl::UnimplementedError(
          fmt::format("the reader speaks protocol {}, this stillframed speaks {}: install the same "
                      "version of both",
                      request.hello().protocol(), kProtocol));
    }
    greeted_ = true;
    reply.mutable_hello()->set_protocol(kProtocol);
    return Send(reply, std::move(outgoing));
  }
  if (absl::Status status = Dispatch(request, reply, outgoing); !status.ok()) {
    *reply.mutable_error() = ToWire(status);
    outgoing = OutgoingFrame{};
  }
  if (reply.reply_case() == Reply::REPLY_NOT_SET) return absl::OkStatus();
  return Send(reply, std::move(outgoing));
}

absl::Status ReaderConnection::Dispatch(const Request& request, Reply& reply,
                                        OutgoingFrame& frame) {
  switch (request.request_case()) {
    case Request::kListGuests:
      reply.mutable_guests();
      for (v1::Guest& guest : context_.directory.ListGuests()) {
        *reply.mutable_guests()->add_guests() = std::move(guest);
      }
      return absl::OkStatus();
    case Request::kListSnapshots:
      return ListSnapshots(request.list_snapshots().guest(), reply);
    case Request::kGetSnapshot:
      return GetSnapshot(request.get_snapshot().snapshot(), reply);
    case Request::kPinSnapshot:
      return Pin(request.pin_snapshot(), reply, frame);
    case Request::kRenewPin:
      reply.mutable_done();
      return pins_.Renew(request.renew_pin().pin(), request.renew_pin().ttl_ms());
    case Request::kReleasePin:
      reply.mutable_done();
      return pins_.Release(request.release_pin().pin());
    case Request::kGetSegments:
      return GetSegments(request.get_segments(), reply, frame);
    case Request::kCapture:
      return OpenCapture(request.id(), request.capture().guest());
    case Request::kWatch:
      reply.mutable_watching();
      return OpenWatch(request.id(), request.watch());
    case Request::kCancel:
      reply.mutable_done();
      Cancel(request.cancel());
      return absl::OkStatus();
    case Request::kGetStats:
      context_.fill_stats(*reply.mutable_stats());
      return absl::OkStatus();
    case Request::kHello:
    case Request::REQUEST_NOT_SET:
      break;
  }
  return absl::UnimplementedError("this stillframed does not know the request");
}

absl::Status ReaderConnection::ListSnapshots(const std::string& guest, Reply& reply) const {
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<SnapshotStore> store,
                      context_.directory.FindStore(guest));
  reply.mutable_snapshots();
  for (const SnapshotPtr& snapshot : store->List()) {
    *reply.mutable_snapshots()->add_snapshots() = ToMessage(snapshot->metadata, Detail::kBrief);
  }
  return absl::OkStatus();
}

absl::Status ReaderConnection::GetSnapshot(const v1::SnapshotSelector& selector,
                                           Reply& reply) const {
  SF_ASSIGN_OR_RETURN(const std::shared_ptr<SnapshotStore> store,
                      FindStore(context_.directory, selector));
  SF_ASSIGN_OR_RETURN(const SnapshotPtr snapshot, store->Get(Generation{selector.generation()}));
  *reply.mutable_snapshot() = ToMessage(snapshot->metadata, Detail::kFull);
  return absl::OkStatus();
}

absl::Status ReaderConnection::Pin(const local::v1::PinSnapshot& request, Reply& reply,
                                   OutgoingFrame& frame) {
  SF_ASSIGN_OR_RETURN(std::shared_ptr<SnapshotStore> store,
                      FindStore(context_.directory, request.snapshot()));
  SF_ASSIGN_OR_RETURN(
      const std::uint64_t number,
      pins_.Add(std::move(store), Generation{request.snapshot().generation()}, request.ttl_ms()));
  SF_ASSIGN_OR_RETURN(const ConnectionPins::Held* held, pins_.Find(number));
  const SnapshotPtr& snapshot = held->snapshot;

  local::v1::Pinned& pinned = *reply.mutable_pinned();
  pinned.set_pin(number);
  *pinned.mutable_snapshot() = ToMessage(snapshot->metadata, Detail::kFull);
  pinned.mutable_snapshot()->set_page_count(snapshot->pages.slots().size());
  pinned.set_arena(context_.arenas.NumberOf(snapshot->arena));
  pinned.set_segment_bytes(snapshot->arena->segment_bytes());
  pinned.set_segment_count(snapshot->arena->segment_count());
  pinned.set_liveness_index(snapshot->liveness_index);
  pinned.set_control_bytes(held->store->control().bytes());

  frame.descriptors = {snapshot->pages.fd(), held->store->control().fd()};
  if (snapshot->machine_frames != nullptr) {
    frame.descriptors.push_back(snapshot->machine_frames->fd());
  }
  frame.lender = std::make_shared<ConnectionPins::Held>(*held);
  return absl::OkStatus();
}

absl::Status ReaderConnection::GetSegments(const local::v1::GetSegments& request, Reply& reply,
                                           OutgoingFrame& frame) const {
  SF_ASSIGN_OR_RETURN(const ConnectionPins::Held* held, pins_.Find(request.pin()));
  const std::shared_ptr<Arena>& arena = held->snapshot->arena;
  const std::uint32_t segments = arena->segment_count();
  if (request.count() == 0 || request.count() > kFrameDescriptorsMax ||
      request.first() >= segments || request.count() > segments - request.first()) {
    return WithReason(absl::InvalidArgumentError(fmt::format(
                          "get {} segments from {} on: 1 to {} at a time, and the arena has {}",
                          request.count(), request.first(), kFrameDescriptorsMax, segments)),
                      "RANGE_INVALID");
  }
  reply.mutable_segments()->set_first(request.first());
  reply.mutable_segments()->set_count(request.count());
  for (std::uint32_t i = 0; i < request.count(); ++i) {
    frame.descriptors.push_back(arena->segment_fd(request.first() + i));
  }
  frame.lender = arena;
  return absl::OkStatus();
}

absl::Status ReaderConnection::CheckOperations() const {
  if (captures_.size() + watches_.size() < context_.options.operations_per_connection_max) {
    return absl::OkStatus();
  }
  return WithReason(absl::ResourceExhaustedError(
                        "this connection has as many open captures and watches as it may"),
                    "LIMIT_EXCEEDED", {{"limit", "operations_per_connection_max"}});
}

absl::Status ReaderConnection::OpenCapture(std::uint64_t id, const std::string& guest) {
  SF_RETURN_IF_ERROR(CheckOperations());
  captures_[id] = context_.directory.RequestCapture(
      guest, [completions = context_.completions, connection = number_,
              id](absl::StatusOr<SnapshotPtr> result) {
        completions->Push(Completion{connection, id, std::move(result)});
      });
  return absl::OkStatus();
}

absl::Status ReaderConnection::OpenWatch(std::uint64_t id, const local::v1::Watch& request) {
  SF_RETURN_IF_ERROR(CheckOperations());
  SF_ASSIGN_OR_RETURN(WatchCursor cursor, WatchCursor::Begin(context_.directory, request));
  watches_.emplace(id, std::move(cursor));
  watches_behind_ = true;
  return absl::OkStatus();
}

void ReaderConnection::Cancel(std::uint64_t id) {
  watches_.erase(id);
  if (const auto found = captures_.find(id); found != captures_.end()) {
    const GuestDirectory::CaptureId capture = found->second;
    captures_.erase(found);
    context_.directory.CancelCapture(capture);
  }
}

absl::Status ReaderConnection::Complete(std::uint64_t request,
                                        const absl::StatusOr<SnapshotPtr>& result) {
  if (captures_.erase(request) == 0) return absl::OkStatus();
  Reply reply;
  reply.set_id(request);
  if (result.ok()) {
    *reply.mutable_snapshot() = ToMessage((*result)->metadata, Detail::kFull);
  } else {
    *reply.mutable_error() = ToWire(result.status());
  }
  return Send(reply, OutgoingFrame{});
}

absl::Status ReaderConnection::FeedWatches() {
  // Ends when a whole round told nothing, or the output has no room for more.
  std::size_t idle = 0;
  while (watches_behind_ && sender_.bytes() < kWatchOutputBytes) {
    if (idle == watches_.size()) {
      watches_behind_ = false;
      break;
    }
    auto watch = watches_.upper_bound(last_fed_);
    if (watch == watches_.end()) watch = watches_.begin();
    last_fed_ = watch->first;
    bool more = false;
    for (v1::SnapshotEvent& event : watch->second.Next(kEventsPerTurn, more)) {
      Reply reply;
      reply.set_id(watch->first);
      *reply.mutable_event() = std::move(event);
      SF_RETURN_IF_ERROR(Send(reply, OutgoingFrame{}));
    }
    idle = more ? 0 : idle + 1;
  }
  return absl::OkStatus();
}

absl::Status ReaderConnection::Send(const Reply& reply, OutgoingFrame frame) {
  auto encoded = EncodeFrame(reply, kReplyBytesMax);
  if (!encoded.ok()) {
    Reply refusal;
    refusal.set_id(reply.id());
    *refusal.mutable_error() =
        ToWire(WithReason(encoded.status(), "LIMIT_EXCEEDED", {{"limit", "reply_bytes_max"}}));
    frame = OutgoingFrame{};
    encoded = EncodeFrame(refusal, kReplyBytesMax);
    SF_RETURN_IF_ERROR(encoded.status());
  }
  frame.bytes = *std::move(encoded);
  sender_.Push(std::move(frame));
  if (sender_.bytes() > kWatchOutputBytes) SF_RETURN_IF_ERROR(Flush());
  if (sender_.bytes() > context_.options.output_bytes_per_connection_max) {
    return absl::ResourceExhaustedError(
        fmt::format("{} bytes of replies wait to be read", sender_.bytes()));
  }
  return absl::OkStatus();
}

absl::Status ReaderConnection::Flush() { return sender_.Flush(socket_.get()); }

void ReaderConnection::SayGoodbye(const absl::Status& why) {
  if (sender_.bytes() > kWatchOutputBytes) return;
  Reply reply;
  *reply.mutable_error() = ToWire(why);
  // It is going anyway: nothing is left to do when this fails.
  static_cast<void>(Send(reply, OutgoingFrame{}));
  static_cast<void>(Flush());
}

}  // namespace stillframe
