#include "guardian/rescuer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace stillframe {
namespace {

std::uint64_t SaturatingAdd(std::uint64_t a, std::uint64_t b) {
  return a > Rescuer::kNever - b ? Rescuer::kNever : a + b;
}

std::string Describe(const ResumeTicket& ticket) {
  return fmt::format("{} guest {}", NameOf(ticket.backend), ticket.guest.ToString());
}

}  // namespace

GuestResumer* FindResumer(const ResumerList& resumers, Backend backend) {
  for (const auto& resumer : resumers) {
    if (resumer->backend() == backend) return resumer.get();
  }
  return nullptr;
}

Rescuer::Rescuer(PauseLedger& ledger, const ResumerList& resumers, const Clock& clock, LogLine log,
                 RescuePolicy policy)
    : ledger_(ledger), resumers_(resumers), clock_(clock), log_(std::move(log)), policy_(policy) {}

void Rescuer::SetResumeFd(std::size_t index, std::uint32_t connection, UniqueFd fd) {
  fds_[index] = ResumeFd{connection, std::move(fd)};
}

std::uint64_t Rescuer::Work(DaemonFate fate) {
  if (fate != fate_ && fate_ == DaemonFate::kAlive) dying_since_ns_ = clock_.MonotonicNs();
  fate_ = fate;
  std::uint64_t next_ns = kNever;
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    PauseSlot& slot = ledger_.slot(i);
    Effort& effort = efforts_[i];
    PauseWord word = slot.Load();
    if (word.state() == PauseState::kIdle) continue;
    const std::uint64_t now_ns = clock_.MonotonicNs();
    if (effort.sequence != word.sequence()) effort = Effort{.sequence = word.sequence()};
    if (DueNs(slot, word, effort, now_ns) <= now_ns) {
      if (word.state() != PauseState::kClaimed) {
        if (!slot.Claim(word)) {
          next_ns = now_ns;
          continue;
        }
        effort.cause = fate_ != DaemonFate::kAlive          ? "the daemon died"
                       : word.state() == PauseState::kArmed ? "its deadline passed"
                                                            : "the daemon's resume call hangs";
        word = word.With(PauseState::kClaimed);
      }
      Attempt(i, word, now_ns);
      word = slot.Load();
      if (word.state() == PauseState::kIdle) continue;
    }
    next_ns = std::min(next_ns, DueNs(slot, word, effort, now_ns));
  }
  if (fate_ == DaemonFate::kDying) {
    // A thread that had not yet noticed its death may have armed since.
    next_ns = std::min(next_ns, clock_.MonotonicNs() + policy_.dying_look_ns);
  }
  return next_ns;
}

std::uint64_t Rescuer::DueNs(PauseSlot& slot, PauseWord seen, const Effort& effort,
                             std::uint64_t now_ns) {
  if (effort.given_up) return kNever;
  if (seen.state() == PauseState::kClaimed && !effort.pauser_lived) return effort.next_ns;
  if (fate_ == DaemonFate::kAlive) {
    if (seen.state() == PauseState::kArmed) return slot.deadline_ns();
    return SaturatingAdd(slot.deadline_ns(), policy_.resume_grace_ns);
  }
  // A pause call that is still in flight would stop the guest again after our resume.
  if (fate_ == DaemonFate::kGone || slot.PauserIsDead()) return 0;
  const std::uint64_t look_ns = now_ns + policy_.pauser_look_ns;
  if (effort.pauser_lived) return look_ns;
  const std::uint64_t bound_ns = SaturatingAdd(dying_since_ns_, policy_.pauser_wait_ns);
  return bound_ns <= now_ns ? bound_ns : std::min(bound_ns, look_ns);
}

void Rescuer::Attempt(std::size_t index, PauseWord claimed, std::uint64_t now_ns) {
  PauseSlot& slot = ledger_.slot(index);
  Effort& effort = efforts_[index];
  if (effort.since_ns == 0) effort.since_ns = now_ns;
  if (effort.cause.empty()) effort.cause = "a guardian before this one had begun to";
  const absl::StatusOr<ResumeTicket> ticket = slot.ReadTicket();
  if (!ticket.ok()) {
    slot.Settle(claimed);
    log_(fmt::format("dropped pause slot {}: {}", index, MessageOf(ticket.status())));
    return;
  }
  const bool pauser_lives = fate_ == DaemonFate::kDying && !slot.PauserIsDead();
  const absl::Status resumed = Resume(index, *ticket);
  if (resumed.ok() && pauser_lives) {
    effort.pauser_lived = true;
    return;
  }
  effort.pauser_lived = false;
  if (resumed.ok()) {
    ledger_.guardian_resumes().fetch_add(1, std::memory_order_relaxed);
    slot.Settle(claimed);
    log_(fmt::format("resumed {}: {}", Describe(*ticket), effort.cause));
    return;
  }
  if (absl::IsNotFound(resumed)) {
    slot.Settle(claimed);
    log_(fmt::format("{} needs no resume, it is gone: {}", Describe(*ticket), MessageOf(resumed)));
    return;
  }
  if (effort.failures == 0) {
    log_(fmt::format("resume {}: {}; trying again", Describe(*ticket), MessageOf(resumed)));
  }
  const std::uint64_t backoff_ns = std::min(
      policy_.retry_max_ns, policy_.retry_first_ns << std::min<std::uint32_t>(effort.failures, 20));
  ++effort.failures;
  const std::uint64_t after_ns = clock_.MonotonicNs();
  effort.next_ns = after_ns + backoff_ns;
  if (fate_ != DaemonFate::kAlive && after_ns - effort.since_ns >= policy_.give_up_ns) {
    effort.given_up = true;
    log_(
        fmt::format("gave up on {} after {} attempts: {}; the next start of the daemon tries again",
                    Describe(*ticket), effort.failures, MessageOf(resumed)));
  }
}

absl::Status Rescuer::Resume(std::size_t index, const ResumeTicket& ticket) {
  GuestResumer* resumer = FindResumer(resumers_, ticket.backend);
  if (resumer == nullptr) {
    return absl::UnimplementedError(
        fmt::format("this program has no {} backend", NameOf(ticket.backend)));
  }
  const ResumeFd& held = fds_[index];
  if (held.fd.valid() && held.connection == ticket.connection) {
    const absl::Status resumed = resumer->Resume(ticket, held.fd.get());
    if (resumed.ok() || absl::IsNotFound(resumed)) return resumed;
  }
  return resumer->Resume(ticket, -1);
}

bool Rescuer::Finished() const {
  for (std::size_t i = 0; i < PauseLedger::kSlots; ++i) {
    const PauseWord word = ledger_.slot(i).Load();
    if (word.state() == PauseState::kIdle) continue;
    if (!efforts_[i].given_up || efforts_[i].sequence != word.sequence()) return false;
  }
  return true;
}

}  // namespace stillframe
