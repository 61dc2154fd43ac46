#include "guardian/guardian_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "guardian/control_socket.h"

namespace stillframe {
namespace {

absl::StatusOr<UniqueFd> CopyOf(int fd) {
  if (fd < 0) return UniqueFd();
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return ErrnoStatus(errno, "copy a guest's resume descriptor");
  return copy;
}

}  // namespace

void GuardianLink::Kick() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(kick_.get(), &one, sizeof one));
}

absl::StatusOr<std::size_t> GuardianLink::Register(const ResumeTicket& ticket, int fd) {
  SF_ASSIGN_OR_RETURN(UniqueFd copy, CopyOf(fd));
  MutexLock lock(mu_);
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    Registration& registration = registrations_[i];
    if (registration.used || ledger_.slot(i).Load().state() != PauseState::kIdle) continue;
    ledger_.slot(i).WriteTicket(ticket);
    registration = Registration{true, ticket.connection, std::move(copy)};
    static_cast<void>(Tell(i));
    return i;
  }
  return absl::ResourceExhaustedError(
      fmt::format("register guest {} with the guardian: all {} slots are taken",
                  ticket.guest.ToString(), PauseLedger::kSlots));
}

absl::Status GuardianLink::Update(std::size_t index, const ResumeTicket& ticket, int fd) {
  SF_ASSIGN_OR_RETURN(UniqueFd copy, CopyOf(fd));
  MutexLock lock(mu_);
  const PauseState state = ledger_.slot(index).Load().state();
  if (state != PauseState::kIdle) {
    return absl::FailedPreconditionError(
        fmt::format("update the resume ticket of guest {}: its pause is still {}",
                    ticket.guest.ToString(), NameOf(state)));
  }
  ledger_.slot(index).WriteTicket(ticket);
  registrations_[index] = Registration{true, ticket.connection, std::move(copy)};
  static_cast<void>(Tell(index));
  return absl::OkStatus();
}

void GuardianLink::Unregister(std::size_t index) {
  MutexLock lock(mu_);
  registrations_[index] = Registration{};
  // The guardian still needs the descriptor of a pause that is not over.
  if (ledger_.slot(index).Load().state() == PauseState::kIdle) static_cast<void>(Tell(index));
}

absl::Status GuardianLink::Connect(int control) {
  MutexLock lock(mu_);
  control_ = control;
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    if (registrations_[i].used) SF_RETURN_IF_ERROR(Tell(i));
  }
  guarded_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

void GuardianLink::Disconnect() {
  guarded_.store(false, std::memory_order_release);
  MutexLock lock(mu_);
  control_ = -1;
}

absl::Status GuardianLink::Tell(std::size_t index) {
  if (control_ < 0) return absl::OkStatus();  // Connect will
  const Registration& registration = registrations_[index];
  const ControlMessage message{
      registration.used ? ControlKind::kRegister : ControlKind::kUnregister,
      static_cast<std::uint32_t>(index), registration.connection};
  const absl::Status told = SendControl(control_, message, registration.fd.get());
  // A guardian that does not read cannot be relied on: no pauses until its successor is there.
  if (!told.ok()) guarded_.store(false, std::memory_order_release);
  return told;
}

}  // namespace stillframe
