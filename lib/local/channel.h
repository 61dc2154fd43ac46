// Requests and replies over one connection to the daemon.
//
// Thread-safe. A thread of its own receives, and runs the reply handlers.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"
#include "local/frame_socket.h"
#include "stillframe/local/v1/local.pb.h"

namespace stillframe {

class Channel {
 public:
  struct Incoming {
    local::v1::Reply reply;  // not an error
    std::vector<UniqueFd> descriptors;
  };
  using ReplyHandler = std::function<void(absl::StatusOr<Incoming>)>;

  // How many replies a request gets when all goes well. An error is always the last one.
  enum class Replies { kOne, kMany };

  // `idle` is called about every second on the receiving thread.
  static absl::StatusOr<std::unique_ptr<Channel>> Start(UniqueFd socket,
                                                        std::function<void()> idle);

  // Shuts down.
  ~Channel();

  // Asks and waits. DEADLINE_EXCEEDED after `timeout`; FAILED_PRECONDITION on the receiving
  // thread, which must not wait for itself.
  absl::StatusOr<Incoming> Call(local::v1::Request request, std::chrono::milliseconds timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Asks; `handler` runs for every reply, on the receiving thread, and a last time with an error
  // when the connection is lost. It runs before Open returns when the connection is lost already.
  // Returns the request's id.
  std::uint64_t Open(local::v1::Request request, Replies replies, ReplyHandler handler)
      ABSL_LOCKS_EXCLUDED(mu_);

  // No handler of request `id` runs after this. Cancels the request if it is still open. Waits
  // for a handler that runs now, unless called from it.
  void Cancel(std::uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends a request whose reply is of no interest. Never blocks.
  void Post(local::v1::Request request) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the connection and the thread; open handlers learn of it.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

  bool connected() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending {
    Replies replies = Replies::kOne;
    ReplyHandler handler;
  };

  Channel(UniqueFd socket, UniqueFd wake, std::function<void()> idle);

  absl::Status Send(const local::v1::Request& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Receive() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReceiveFrames(FrameReceiver& receiver) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Dispatch(ReceivedFrame frame) ABSL_LOCKS_EXCLUDED(mu_);
  void Run(std::uint64_t id, const std::shared_ptr<Pending>& pending,
           absl::StatusOr<Incoming> incoming) ABSL_LOCKS_EXCLUDED(mu_);
  void Lose(const absl::Status& cause) ABSL_LOCKS_EXCLUDED(mu_);
  void Wake() const;
  bool on_receiving_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  const UniqueFd socket_;
  const UniqueFd wake_;  // eventfd: something to send, or time to stop
  const std::function<void()> idle_;

  mutable Mutex mu_;
  CondVar handler_returned_;
  FrameSender sender_ ABSL_GUARDED_BY(mu_);
  std::map<std::uint64_t, std::shared_ptr<Pending>> pending_ ABSL_GUARDED_BY(mu_);
  std::uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::uint64_t running_ ABSL_GUARDED_BY(mu_) = 0;  // request whose handler runs; 0: none
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status lost_ ABSL_GUARDED_BY(mu_);  // OK while connected

  std::thread thread_;  // last: it uses the others
};

}  // namespace stillframe
