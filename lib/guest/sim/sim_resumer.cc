#include "guest/sim/sim_resumer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/status.h"
#include "guest/sim/sim_connection.h"

namespace stillframe {
namespace {

// Two of these fit into the second that a resumer may take.
constexpr std::chrono::milliseconds kResumeTimeout{400};

absl::Status ResumeThrough(sim::SimConnection& connection, const ResumeTicket& ticket) {
  if (static_cast<std::uint64_t>(connection.peer_pid()) != ticket.instance) {
    return absl::NotFoundError("another process answers for it");
  }
  sim::Request request;
  request.command = sim::Command::kResume;
  request.guest = ticket.guest;
  sim::ResumeReply reply;
  return connection.CallFor(request, reply, {}, kResumeTimeout);
}

absl::Status ResumeByFd(const ResumeTicket& ticket, int fd) {
  UniqueFd own(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own.valid()) return ErrnoStatus(errno, "duplicate the guest's descriptor");
  sim::SimConnection connection(std::move(own));
  return ResumeThrough(connection, ticket);
}

absl::Status ResumeByAddress(const ResumeTicket& ticket) {
  SF_ASSIGN_OR_RETURN(sim::SimConnection connection, sim::SimConnection::Connect(ticket.Address()));
  return ResumeThrough(connection, ticket);
}

}  // namespace

absl::Status SimResumer::Resume(const ResumeTicket& ticket, int fd) {
  if (ticket.backend != Backend::kSim) {
    return absl::InvalidArgumentError(
        fmt::format("resume a guest of backend {}: not a simulated one", NameOf(ticket.backend)));
  }
  if (fd >= 0 && ResumeByFd(ticket, fd).ok()) return absl::OkStatus();
  return Annotate(ResumeByAddress(ticket),
                  fmt::format("resume simulated guest {}", ticket.guest.ToString()));
}

}  // namespace stillframe
