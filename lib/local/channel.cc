#include "local/channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/reason.h"
#include "base/status.h"
#include "local/wire_error.h"

namespace stillframe {
namespace {

using local::v1::Request;

constexpr int kIdlePeriodMs = 1000;

// A reader asks little; so much unsent means that the daemon does not read.
constexpr std::size_t kUnsentBytesMax = std::size_t{8} << 20;

absl::Status Lost(const absl::Status& cause) {
  return WithReason(absl::UnavailableError(
                        fmt::format("the connection to stillframed is lost: {}", MessageOf(cause))),
                    "DAEMON_UNAVAILABLE");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Channel>> Channel::Start(UniqueFd socket,
                                                        std::function<void()> idle) {
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoStatus(errno, "create an eventfd for a local connection");
  std::unique_ptr<Channel> channel(
      new Channel(std::move(socket), std::move(wake), std::move(idle)));
  // The thread reads thread_ only in handlers, which no request can have before this returns.
  channel->thread_ = std::thread([raw = channel.get()] { raw->Receive(); });
  return channel;
}

Channel::Channel(UniqueFd socket, UniqueFd wake, std::function<void()> idle)
    : socket_(std::move(socket)), wake_(std::move(wake)), idle_(std::move(idle)) {}

Channel::~Channel() { Shutdown(); }

absl::StatusOr<Channel::Incoming> Channel::Call(Request request,
                                                std::chrono::milliseconds timeout) {
  if (on_receiving_thread()) {
    return absl::FailedPreconditionError(
        "ask stillframed and wait from within a callback: it would wait for itself");
  }
  struct Answer {
    Mutex mu;
    CondVar arrived;
    std::optional<absl::StatusOr<Incoming>> value ABSL_GUARDED_BY(mu);
  };
  const auto answer = std::make_shared<Answer>();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::uint64_t id =
      Open(std::move(request), Replies::kOne, [answer](absl::StatusOr<Incoming> incoming) {
        MutexLock lock(answer->mu);
        answer->value.emplace(std::move(incoming));
        answer->arrived.NotifyAll();
      });
  {
    MutexLock lock(answer->mu);
    while (!answer->value.has_value()) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero()) break;
      answer->arrived.WaitFor(answer->mu, left);
    }
    if (answer->value.has_value()) return *std::move(answer->value);
  }
  {
    // An answer that arrives right now is taken: it may hold a pin.
    MutexLock lock(mu_);
    pending_.erase(id);
    while (running_ == id) handler_returned_.Wait(mu_);
  }
  MutexLock lock(answer->mu);
  if (answer->value.has_value()) return *std::move(answer->value);
  return absl::DeadlineExceededError(
      fmt::format("stillframed did not answer within {} ms", timeout.count()));
}

std::uint64_t Channel::Open(Request request, Replies replies, ReplyHandler handler) {
  const auto pending = std::make_shared<Pending>(Pending{replies, std::move(handler)});
  absl::Status sent;
  std::uint64_t id = 0;
  {
    MutexLock lock(mu_);
    id = next_id_++;
    request.set_id(id);
    sent = Send(request);
    if (sent.ok()) pending_.emplace(id, pending);
  }
  if (!sent.ok()) pending->handler(sent);
  return id;
}

void Channel::Cancel(std::uint64_t id) {
  // Destroyed without the lock: what a handler captured may call back into this object.
  std::shared_ptr<Pending> dropped;
  MutexLock lock(mu_);
  if (const auto found = pending_.find(id); found != pending_.end()) {
    dropped = std::move(found->second);
    pending_.erase(found);
    Request request;
    request.set_id(next_id_++);
    request.set_cancel(id);
    // A connection that is lost has cancelled everything.
    static_cast<void>(Send(request));
  }
  if (on_receiving_thread()) return;
  while (running_ == id) handler_returned_.Wait(mu_);
}

void Channel::Post(Request request) {
  MutexLock lock(mu_);
  request.set_id(next_id_++);
  // Lost connections owe nothing: the daemon drops what they held.
  static_cast<void>(Send(request));
}

void Channel::Shutdown() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

bool Channel::connected() const {
  MutexLock lock(mu_);
  return lost_.ok();
}

absl::Status Channel::Send(const Request& request) {
  SF_RETURN_IF_ERROR(lost_);
  if (sender_.bytes() > kUnsentBytesMax) {
    return WithReason(absl::UnavailableError("stillframed does not read its socket"),
                      "DAEMON_UNAVAILABLE");
  }
  SF_ASSIGN_OR_RETURN(std::string frame, EncodeFrame(request, kRequestBytesMax));
  sender_.Push(OutgoingFrame{std::move(frame), {}, nullptr});
  // A dead peer is found by the receiving thread, after what it still said was read.
  const bool flushed = sender_.Flush(socket_.get()).ok();
  if (flushed && !sender_.empty()) Wake();
  return absl::OkStatus();
}

void Channel::Receive() {
  FrameReceiver receiver(kReplyBytesMax, Descriptors::kAccepted);
  absl::Status status;
  while (status.ok()) {
    bool sending = false;
    {
      MutexLock lock(mu_);
      if (stopping_) {
        status = absl::CancelledError("closed by this process");
        break;
      }
      sending = !sender_.empty();
    }
    const short events = static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN);
    std::array<pollfd, 2> fds{pollfd{socket_.get(), events, 0}, pollfd{wake_.get(), POLLIN, 0}};
    const int ready = poll(fds.data(), fds.size(), kIdlePeriodMs);
    if (ready < 0 && errno != EINTR) status = ErrnoStatus(errno, "wait for a local socket");
    if (ready == 0) idle_();
    if (ready <= 0) continue;
    if (fds[1].revents != 0) {
      eventfd_t ignored = 0;
      eventfd_read(wake_.get(), &ignored);
    }
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) status = ReceiveFrames(receiver);
    if (status.ok() && (fds[0].revents & POLLOUT) != 0) {
      MutexLock lock(mu_);
      status = sender_.Flush(socket_.get());
    }
  }
  Lose(status);
}

absl::Status Channel::ReceiveFrames(FrameReceiver& receiver) {
  while (true) {
    SF_ASSIGN_OR_RETURN(std::optional<ReceivedFrame> frame, receiver.Receive(socket_.get()));
    if (!frame.has_value()) return absl::OkStatus();
    SF_RETURN_IF_ERROR(Dispatch(*std::move(frame)));
    MutexLock lock(mu_);
    if (stopping_) return absl::OkStatus();
  }
}

absl::Status Channel::Dispatch(ReceivedFrame frame) {
  Incoming incoming;
  if (!incoming.reply.ParseFromString(frame.body)) {
    return absl::DataLossError("stillframed sent what is no reply");
  }
  incoming.descriptors = std::move(frame.descriptors);
  const std::uint64_t id = incoming.reply.id();
  const bool failed = incoming.reply.has_error();
  if (id == 0) {
    return failed ? FromWire(incoming.reply.error())
                  : absl::DataLossError("stillframed sent a reply to nothing");
  }

  std::shared_ptr<Pending> pending;
  {
    MutexLock lock(mu_);
    if (const auto found = pending_.find(id); found != pending_.end()) {
      pending = found->second;
      if (failed || pending->replies == Replies::kOne) pending_.erase(found);
      running_ = id;
    }
  }
  if (pending != nullptr) {
    Run(id, pending,
        failed ? absl::StatusOr<Incoming>(FromWire(incoming.reply.error()))
               : absl::StatusOr<Incoming>(std::move(incoming)));
  } else if (incoming.reply.has_pinned()) {
    // Nobody waits for this pin any more.
    Request release;
    release.mutable_release_pin()->set_pin(incoming.reply.pinned().pin());
    Post(std::move(release));
  }
  return absl::OkStatus();
}

void Channel::Run(std::uint64_t id, const std::shared_ptr<Pending>& pending,
                  absl::StatusOr<Incoming> incoming) {
  pending->handler(std::move(incoming));
  MutexLock lock(mu_);
  if (running_ == id) running_ = 0;
  handler_returned_.NotifyAll();
}

void Channel::Lose(const absl::Status& cause) {
  const absl::Status lost = Lost(cause);
  {
    MutexLock lock(mu_);
    lost_ = lost;
  }
  // The daemon sees the end of the connection now, not when this object goes.
  shutdown(socket_.get(), SHUT_RDWR);
  while (true) {
    std::uint64_t id = 0;
    std::shared_ptr<Pending> pending;
    {
      MutexLock lock(mu_);
      if (pending_.empty()) return;
      const auto first = pending_.begin();
      id = first->first;
      pending = std::move(first->second);
      pending_.erase(first);
      running_ = id;
    }
    Run(id, pending, lost);
  }
}

void Channel::Wake() const { eventfd_write(wake_.get(), 1); }

}  // namespace stillframe
