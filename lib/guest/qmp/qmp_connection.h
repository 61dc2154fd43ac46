// A client of one QEMU monitor (QMP over a unix socket).
//
// Owned by one thread at a time. A monitor serves a single client, so whoever holds this object
// keeps others out. Replies are matched by id: a reply to a request that another process wrote
// to a duplicate of this socket is never taken for ours.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "guest/qmp/qmp_frame.h"
#include "nlohmann/json_fwd.hpp"

namespace stillframe {

// What events said since the connection was made; reading any reply keeps it up to date.
struct QmpEvents {
  enum class Migration : std::uint8_t { kNone, kUnderWay, kCompleted, kFailed };

  std::uint64_t stops = 0;
  std::uint64_t resumes = 0;  // RESUME and WAKEUP: vCPUs may have run from here on
  std::uint64_t resets = 0;
  std::uint64_t unplugs = 0;       // DEVICE_DELETED: a device or a DIMM has gone
  std::uint64_t last_stop_us = 0;  // by QEMU's wall clock
  std::uint64_t last_resume_us = 0;
  Migration migration = Migration::kNone;
};

class QmpConnection {
 public:
  using Timeout = std::chrono::milliseconds;

  // Longest reply that is taken; a longer one is skipped and reported as RESOURCE_EXHAUSTED.
  static constexpr std::size_t kReplyBytesMax = std::size_t{8} << 20;

  // Connects without waiting for QEMU to answer. NOT_FOUND: no such socket, or nobody
  // listens; UNAVAILABLE: too many wait to be served; PERMISSION_DENIED.
  static absl::StatusOr<std::unique_ptr<QmpConnection>> Connect(const std::string& path);

  // Waits for QEMU's greeting and enters command mode; idempotent. DEADLINE_EXCEEDED: QEMU does
  // not serve us, as another client holds the monitor; may be tried again.
  absl::Status Negotiate(Timeout timeout);

  // Runs a command; `arguments` is a JSON object or null. Allocates; not for the pause window.
  // FAILED_PRECONDITION: QEMU refused, with its reason. DATA_LOSS: the reply is not JSON.
  absl::StatusOr<nlohmann::json> Execute(std::string_view command, const nlohmann::json& arguments,
                                         Timeout timeout);

  // A command of the human monitor, its text.
  absl::StatusOr<std::string> ExecuteHuman(std::string_view line, Timeout timeout);

  // Gives QEMU a duplicate of `fd` under `name` for later "fd:NAME" addresses.
  absl::Status PassFd(std::string_view name, int fd, Timeout timeout);

  // Runs a command whose `arguments` are JSON text (empty: none). The reply's views stay valid
  // until the next call. Errors as with Execute; only errors allocate. [window]
  absl::StatusOr<QmpFrame> Call(std::string_view command, std::string_view arguments,
                                Timeout timeout);

  // Reads what has come without waiting, so that events() is up to date. [window]
  absl::Status Drain();

  // Waits for one more line (an event, a stray reply) and takes note of it. [window]
  absl::Status AwaitLine(Timeout timeout);

  // Makes room for replies of `bytes` in the pause window, faulted in.
  void ReserveReply(std::size_t bytes);

  const QmpEvents& events() const { return events_; }
  int fd() const { return socket_.get(); }

  // A pidfd of the process at the other end: readable once it has exited.
  UniqueFd DuplicatePeer() const;

  // The process at the other end when the socket was made.
  pid_t peer_pid() const { return peer_pid_; }

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  enum class Growth : std::uint8_t { kAllowed, kForbidden };

  QmpConnection(UniqueFd socket, std::string path, UniqueFd peer, pid_t peer_pid);

  // The next line; its kind is kMalformed also when it was too long to keep.
  absl::StatusOr<QmpFrame> NextFrame(Deadline deadline, Growth growth);
  absl::Status Fill(Deadline deadline, Growth growth);
  absl::Status Send(std::string_view bytes, int fd, Deadline deadline);
  absl::StatusOr<QmpFrame> AwaitReply(std::string_view id, Deadline deadline, Growth growth);
  absl::Status Gone(std::string_view attempt) const;
  void Note(const QmpFrame& frame);

  UniqueFd socket_;
  const std::string path_;
  UniqueFd peer_;  // pidfd: tells an exited QEMU from one that closed the monitor
  const pid_t peer_pid_;
  bool ready_ = false;
  std::uint64_t next_id_ = 1;
  QmpEvents events_;

  // Received bytes: [begin_, end_) are not consumed yet, [begin_, scanned_) hold no line end.
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;
  std::size_t end_ = 0;
  bool skipping_ = false;  // in the middle of a line that was too long
};

}  // namespace stillframe
