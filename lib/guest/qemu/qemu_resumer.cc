#include "guest/qemu/qemu_resumer.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "guest/qmp/qmp_connection.h"
#include "guest/qmp/qmp_frame.h"

namespace stillframe {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kPatience{800};
constexpr milliseconds kStep{200};
constexpr std::size_t kPeekBytes = std::size_t{512} << 10;

// Whether QEMU is done: it runs, and no migration of the daemon's (for a guest's device state) is
// left that would stop it again at its end.
bool Settled(std::string_view status, std::string_view migration) {
  return status == "running" && migration != "setup" && migration != "active" &&
         migration != "device" && migration != "pre-switchover" && migration != "cancelling";
}

// Stopped for a reason that is not the daemon's pause, such as a crash.
bool StandsForItself(std::string_view status) {
  return status != "running" && status != "paused" && status != "postmigrate" &&
         status != "finish-migrate";
}

bool SendAll(int fd, std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (Clock::now() >= deadline) return false;
    pollfd writable{fd, POLLOUT, 0};
    poll(&writable, 1, 1);
  }
  return true;
}

// The reply to request `id` among lines that the daemon may still want.
std::string_view FindReply(std::string_view received, std::string_view id, QmpFrame& frame) {
  while (!received.empty()) {
    const std::size_t end = received.find('\n');
    if (end == std::string_view::npos) return {};
    const std::string_view line = received.substr(0, end);
    if (line.find(id) != std::string_view::npos) {
      frame = ScanQmpFrame(line);
      if (frame.id == id) return line;
    }
    received.remove_prefix(end + 1);
  }
  return {};
}

absl::Status ResumeOverFd(int fd) {
  const auto deadline = Clock::now() + kPatience;
  std::vector<char> peeked(kPeekBytes);
  for (int round = 0; Clock::now() < deadline; ++round) {
    const std::string status_id = fmt::format("sf-guardian-s{}", round);
    const std::string migration_id = fmt::format("sf-guardian-m{}", round);
    const std::string requests = fmt::format(
        "{{\"execute\":\"cont\",\"id\":\"sf-guardian-c{}\"}}\n"
        "{{\"execute\":\"query-status\",\"id\":\"{}\"}}\n"
        "{{\"execute\":\"query-migrate\",\"id\":\"{}\"}}\n",
        round, status_id, migration_id);
    if (!SendAll(fd, requests, deadline)) {
      return absl::NotFoundError("resume over the daemon's connection: QEMU is gone");
    }
    for (bool answered = false; !answered && Clock::now() < deadline;) {
      const ssize_t got = recv(fd, peeked.data(), peeked.size(), MSG_PEEK | MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        return absl::NotFoundError("resume over the daemon's connection: QEMU is gone");
      }
      const std::string_view received(peeked.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
      QmpFrame status;
      QmpFrame migration;
      answered = !FindReply(received, status_id, status).empty() &&
                 !FindReply(received, migration_id, migration).empty();
      const std::string_view state = Unquote(FindMember(status.body, "status"));
      if (answered && (Settled(state, Unquote(FindMember(migration.body, "status"))) ||
                       StandsForItself(state))) {
        return absl::OkStatus();
      }
      poll(nullptr, 0, 1);
    }
  }
  return absl::DeadlineExceededError(
      "resume over the daemon's connection: sent, but no answer was seen; the daemon may have "
      "read it");
}

absl::Status ResumeByAddress(const ResumeTicket& ticket) {
  const std::string path = ticket.Address();
  absl::StatusOr<std::unique_ptr<QmpConnection>> qmp = QmpConnection::Connect(path);
  if (!qmp.ok()) {
    // Nobody listens: QEMU, which would, is gone.
    return absl::IsUnavailable(qmp.status()) || absl::IsNotFound(qmp.status())
               ? absl::NotFoundError(MessageOf(qmp.status()))
               : qmp.status();
  }
  if (static_cast<std::uint64_t>((*qmp)->peer_pid()) != ticket.instance) {
    return absl::NotFoundError(fmt::format("resume by QMP socket {}: QEMU {} is gone, {} is there",
                                           path, ticket.instance, (*qmp)->peer_pid()));
  }
  const auto deadline = Clock::now() + kPatience;
  SF_RETURN_IF_ERROR((*qmp)->Negotiate(kPatience / 2));
  for (;;) {
    absl::StatusOr<QmpFrame> reply = (*qmp)->Call("query-migrate", "", kStep);
    SF_RETURN_IF_ERROR(reply.status());
    const std::string migration(Unquote(FindMember(reply->body, "status")));
    reply = (*qmp)->Call("query-status", "", kStep);
    SF_RETURN_IF_ERROR(reply.status());
    const std::string status(Unquote(FindMember(reply->body, "status")));
    if (Settled(status, migration)) return absl::OkStatus();
    if (status == "paused" || status == "postmigrate") {
      const absl::Status continued = (*qmp)->Call("cont", "", kStep).status();
      if (!continued.ok() && !absl::IsFailedPrecondition(continued)) return continued;
    } else if (StandsForItself(status)) {
      return absl::OkStatus();
    }
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError(
          fmt::format("resume by QMP socket {}: QEMU stays in state {:.40}", path, status));
    }
    static_cast<void>((*qmp)->AwaitLine(milliseconds(2)));
  }
}

}  // namespace

absl::Status QemuResumer::Resume(const ResumeTicket& ticket, int fd) {
  // The guest stood already when the ticket was made: somebody else's pause.
  if (ticket.Address().empty()) return absl::OkStatus();
  return fd >= 0 ? ResumeOverFd(fd) : ResumeByAddress(ticket);
}

}  // namespace stillframe
