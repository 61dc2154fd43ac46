#include "support/guardian/resume_board.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace stillframe::testing {
namespace {

constexpr std::size_t kBytes = 4096;
static_assert(ResumeBoard::kGuests * sizeof(BoardEntry) <= kBytes / 2);

class BoardResumer final : public GuestResumer {
 public:
  explicit BoardResumer(ResumeBoard& board) : board_(board) {}

  Backend backend() const override { return Backend::kSim; }

  absl::Status Resume(const ResumeTicket& ticket, int fd) override {
    if (ticket.instance >= ResumeBoard::kGuests) return absl::NotFoundError("no such guest");
    BoardEntry& guest = board_.guest(ticket.instance);
    ++guest.attempts;
    if (guest.gone != 0) return absl::NotFoundError("guest left");
    if (guest.failures > 0) {
      --guest.failures;
      return absl::UnavailableError("injected failure");
    }
    guest.resumed_ns = Clock::System().MonotonicNs();
    if (fd >= 0) ++guest.by_fd;
    ++guest.resumes;
    return absl::OkStatus();
  }

 private:
  ResumeBoard& board_;
};

}  // namespace

ResumeBoard ResumeBoard::AtPath(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid() || ftruncate(fd.get(), kBytes) != 0) std::abort();
  auto mapping = Mapping::Shared(fd.get(), 0, kBytes, Access::kReadWrite);
  if (!mapping.ok()) std::abort();
  return ResumeBoard(*std::move(mapping));
}

std::unique_ptr<GuestResumer> MakeBoardResumer(ResumeBoard& board) {
  return std::make_unique<BoardResumer>(board);
}

ResumeTicket BoardTicket(std::size_t index) {
  ResumeTicket ticket;
  ticket.backend = Backend::kSim;
  ticket.instance = index;
  ticket.guest = Uuid::OfName("guest " + std::to_string(index));
  ticket.SetAddress("/nowhere");
  return ticket;
}

}  // namespace stillframe::testing
