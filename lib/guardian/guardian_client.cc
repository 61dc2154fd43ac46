#include "guardian/guardian_client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/status.h"
#include "guardian/control_socket.h"

namespace stillframe {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRespawnBackoffMin{10};
constexpr milliseconds kRespawnBackoffMax{2000};
constexpr milliseconds kGuardianSteadyAfter{1000};
constexpr milliseconds kFarewell{2000};
constexpr milliseconds kLookForDeaf{500};  // a guardian that does not read its socket is replaced

// One byte, not zero: zero does not stop a dump into a pipe (core(5)).
absl::Status ForbidCoreDumps() {
  const rlimit limit{1, 1};
  if (setrlimit(RLIMIT_CORE, &limit) == 0) return absl::OkStatus();
  const rlimit zero{0, 0};  // a lower hard limit cannot be raised to one
  if (setrlimit(RLIMIT_CORE, &zero) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "forbid core dumps");
}

std::string Reap(const GuardianProcess& guardian) {
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(guardian.pid), &info, WEXITED) != 0) return "died";
  if (info.si_code == CLD_EXITED) return fmt::format("exited with status {}", info.si_status);
  return fmt::format("was killed by signal {}", info.si_status);
}

void Kill(const GuardianProcess& guardian) {
  syscall(SYS_pidfd_send_signal, guardian.pidfd.get(), SIGKILL, nullptr, 0);
}

bool Polled(int fd, milliseconds time) {
  pollfd event{fd, POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(until - std::chrono::steady_clock::now());
    const int ready =
        poll(&event, 1, static_cast<int>(std::max<milliseconds::rep>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GuardianClient>> GuardianClient::Start(PauseLedger ledger,
                                                                      Options options) {
  SF_RETURN_IF_ERROR(ForbidCoreDumps());
  UniqueFd kick(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!kick.valid() || !stop.valid()) return ErrnoStatus(errno, "start the guardian: eventfd");
  auto link = std::make_shared<GuardianLink>(std::move(ledger), std::move(kick));
  std::unique_ptr<GuardianClient> client(
      new GuardianClient(std::move(link), std::move(stop), std::move(options)));
  client->supervisor_ = std::thread(&GuardianClient::Supervise, client.get());
  MutexLock lock(client->mu_);
  while (!client->has_report_) client->reported_.Wait(client->mu_);
  if (!client->report_.ok()) return client->report_;
  return client;
}

GuardianClient::GuardianClient(std::shared_ptr<GuardianLink> link, UniqueFd stop, Options options)
    : link_(std::move(link)), stop_(std::move(stop)), options_(std::move(options)) {}

GuardianClient::~GuardianClient() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(stop_.get(), &one, sizeof one));
  if (supervisor_.joinable()) supervisor_.join();
}

absl::StatusOr<std::unique_ptr<LedgerPauseGuard>> GuardianClient::Register(
    const ResumeTicket& ticket, int fd) {
  SF_ASSIGN_OR_RETURN(const std::size_t index, link_->Register(ticket, fd));
  return std::make_unique<LedgerPauseGuard>(link_, index);
}

GuardianStats GuardianClient::stats() const {
  return {link_->ledger().guardian_resumes().load(std::memory_order_relaxed),
          respawns_.load(std::memory_order_relaxed)};
}

void GuardianClient::Supervise() {
  link_->ledger().life().Lock();
  milliseconds backoff = kRespawnBackoffMin;
  for (;;) {
    const auto began = std::chrono::steady_clock::now();
    const absl::Status ended = RunOneGuardian();
    if (ended.ok()) break;
    bool started_once;
    {
      MutexLock lock(mu_);
      started_once = has_report_;
    }
    Report(ended);
    if (!started_once) break;
    options_.log(fmt::format("{}; starting another", MessageOf(ended)));
    if (std::chrono::steady_clock::now() - began >= kGuardianSteadyAfter) {
      backoff = kRespawnBackoffMin;
    } else {
      if (SleepUnlessStopped(backoff)) break;
      backoff = std::min(backoff * 2, kRespawnBackoffMax);
    }
    respawns_.fetch_add(1, std::memory_order_relaxed);
  }
  link_->ledger().life().Unlock();
}

// OK: stopped on request. Else why the guardian is no more.
absl::Status GuardianClient::RunOneGuardian() {
  SF_ASSIGN_OR_RETURN(GuardianProcess guardian,
                      SpawnGuardian(options_.command, link_->ledger().fd(), link_->kick_fd()));
  absl::Status running = AwaitReady(guardian);
  if (running.ok()) running = link_->Connect(guardian.control.get());
  if (!running.ok()) {
    link_->Disconnect();
    Kill(guardian);
    return Annotate(running, fmt::format("the guardian {}", Reap(guardian)));
  }
  pid_.store(guardian.pid, std::memory_order_release);
  Report(absl::OkStatus());

  pollfd events[2] = {{guardian.pidfd.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  while (poll(events, 2, static_cast<int>(kLookForDeaf.count())) <= 0) {
    if (!link_->guarded()) Kill(guardian);
  }
  link_->Disconnect();
  pid_.store(-1, std::memory_order_release);
  if (events[0].revents != 0) {
    return absl::UnavailableError(
        fmt::format("the guardian with pid {} {}", guardian.pid, Reap(guardian)));
  }
  guardian.control.reset();
  if (Polled(guardian.pidfd.get(), kFarewell)) Reap(guardian);
  return absl::OkStatus();
}

absl::Status GuardianClient::AwaitReady(const GuardianProcess& guardian) {
  if (!Polled(guardian.control.get(), options_.ready_within)) {
    return absl::UnavailableError(
        fmt::format("it was not ready within {} ms", options_.ready_within.count()));
  }
  const auto received = ReceiveControl(guardian.control.get());
  if (!received.ok()) return received.status();
  if (!received->has_value() || (*received)->message.kind != ControlKind::kReady) {
    return absl::UnavailableError("it did not say that it is ready");
  }
  return absl::OkStatus();
}

bool GuardianClient::SleepUnlessStopped(milliseconds time) { return Polled(stop_.get(), time); }

void GuardianClient::Report(const absl::Status& first) {
  MutexLock lock(mu_);
  if (has_report_) return;
  has_report_ = true;
  report_ = first;
  reported_.NotifyAll();
}

}  // namespace stillframe
