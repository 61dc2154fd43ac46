#include "capture/worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/log_context.h"
#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

// A capture that found the guest changed underneath is repeated at once, so often.
constexpr int kAttemptsMax = 4;

// The longest sleep: between two signs of life for the watchdog.
constexpr std::uint64_t kIdleNsMax = 500 * kNsPerMs;

// What the policy leaves to the guest's size: a full copy takes some 0.15 s per GiB, on slow memory
// three times that.
CapturePolicy Resolve(CapturePolicy policy, const GuestView& view) {
  const std::uint64_t guest_mib = view.map.readable_pages() >> 8;
  if (policy.pause_deadline_ms == 0) policy.pause_deadline_ms = 500 + guest_mib * 500 / 1024;
  return policy;
}

void LogCapabilities(const std::string& guest, const GuestCapabilities& capabilities) {
  spdlog::info("guest {}: {} dirty log{}{}", guest, capabilities.dirty_log ? "with a" : "without a",
               capabilities.dirty_log_remark.empty() ? "" : ": ", capabilities.dirty_log_remark);
}

std::uint64_t ArenaBytesFor(const CapturePolicy& policy, const GuestView& view,
                            std::size_t segment_bytes) {
  const std::uint64_t guest_bytes = view.map.readable_pages() << kPageShift;
  std::uint64_t bytes = policy.arena_bytes_max;
  if (bytes == 0) bytes = guest_bytes * 5 / 2;
  // Room for one whole copy and some change, whatever was asked for.
  return std::max<std::uint64_t>(bytes, 2 * segment_bytes);
}

}  // namespace

Worker::Worker(std::unique_ptr<Guest> guest, CapturePolicy policy, WorkerContext context)
    : guest_(std::move(guest)),
      identity_(guest_->identity()),
      policy_(policy),
      context_(std::move(context)),
      home_(std::make_shared<HomeNode>(context_.numa)),
      pacing_(policy.period_ms, policy.downtime_percent_max),
      last_progress_ns_(context_.clock.MonotonicNs()) {
  thread_ = std::thread([this] { Run(); });
}

Worker::~Worker() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    cancel_capture_ = true;
  }
  wake_.NotifyAll();
  if (context_.turns != nullptr) context_.turns->Wake();
  thread_.join();
}

Worker::RequestId Worker::Request(Done done) {
  {
    MutexLock lock(mu_);
    if (!stopping_ && !finished_) {
      const RequestId id = next_request_++;
      waiting_.emplace(id, std::move(done));
      wake_.NotifyAll();
      return id;
    }
  }
  done(WithReason(absl::NotFoundError(fmt::format("guest {} is gone", identity_.name)),
                  "GUEST_GONE"));
  return 0;
}

void Worker::Cancel(RequestId id) {
  Done done;
  {
    MutexLock lock(mu_);
    for (auto* requests : {&waiting_, &served_}) {
      const auto found = requests->find(id);
      if (found == requests->end()) continue;
      done = std::move(found->second);
      requests->erase(found);
      if (requests == &served_ && served_.empty() && !periodic_capture_runs_) {
        cancel_capture_ = true;
      }
    }
  }
  if (context_.turns != nullptr) context_.turns->Wake();
  if (done) done(absl::CancelledError("the capture was withdrawn"));
}

void Worker::LookAgain() {
  {
    MutexLock lock(mu_);
    look_again_ = true;
  }
  wake_.NotifyAll();
}

std::shared_ptr<SnapshotStore> Worker::store() const {
  MutexLock lock(mu_);
  return store_;
}

WorkerStatus Worker::status() const {
  MutexLock lock(mu_);
  return status_;
}

Worker::Wake Worker::WaitUntilDue(std::uint64_t due_ns) {
  MutexLock lock(mu_);
  for (;;) {
    if (stopping_) return Wake::kStop;
    const std::uint64_t now_ns = context_.clock.MonotonicNs();
    last_progress_ns_ = now_ns;
    if (!waiting_.empty() || now_ns >= due_ns) break;
    if (std::exchange(look_again_, false)) return Wake::kLook;
    wake_.WaitFor(mu_, std::chrono::nanoseconds(std::min(due_ns - now_ns, kIdleNsMax)));
  }
  // Requests that came while the last capture ran are all served by this one.
  served_ = std::exchange(waiting_, {});
  periodic_capture_runs_ = served_.empty();
  look_again_ = false;
  cancel_capture_ = false;
  return Wake::kCapture;
}

// The epoch begins, and readers learn the guest's shape, before a capture is asked for.
absl::Status Worker::Look() {
  SF_ASSIGN_OR_RETURN(const auto view, guest_->Refresh());
  if (capturer_ == nullptr || view->boot != boot_) return BeginEpoch(*view);
  return absl::OkStatus();
}

void Worker::Run() {
  const LogScope scope(LogContext{identity_.name, identity_.id.ToString(), 0});
  pacing_.Start(context_.clock.MonotonicNs());

  if (const absl::Status looked = Look(); !looked.ok()) Record(looked);
  for (Wake wake; (wake = WaitUntilDue(pacing_.due_ns())) != Wake::kStop;) {
    if (wake == Wake::kLook) {
      const absl::Status looked = Look();
      if (absl::IsNotFound(looked)) return Leave(looked);
      continue;
    }
    CaptureTrigger trigger;
    {
      MutexLock lock(mu_);
      trigger = periodic_capture_runs_ ? CaptureTrigger::kPeriod : CaptureTrigger::kRequest;
    }
    const absl::StatusOr<SnapshotPtr> result = CaptureInTurn(trigger);
    Record(result);
    std::map<RequestId, Done> served;
    {
      MutexLock lock(mu_);
      served = std::exchange(served_, {});
      periodic_capture_runs_ = false;
    }
    Complete(std::move(served), result);
    if (absl::IsNotFound(result.status())) return Leave(result.status());
    if (capturer_ != nullptr) capturer_->MakeReady();
  }
  Leave(absl::CancelledError("the daemon stops"));
}

absl::StatusOr<SnapshotPtr> Worker::CaptureInTurn(CaptureTrigger trigger) {
  const auto alive = [this] { last_progress_ns_ = context_.clock.MonotonicNs(); };
  const CaptureTurns::Turn turn = context_.turns != nullptr
                                      ? context_.turns->Wait(cancel_capture_, alive)
                                      : CaptureTurns::Turn();
  pacing_.Begin(context_.clock.MonotonicNs());
  if (cancel_capture_) {
    return absl::CancelledError(fmt::format("capture guest {}: withdrawn", identity_.name));
  }
  return CaptureOnce(trigger);
}

absl::StatusOr<SnapshotPtr> Worker::CaptureOnce(CaptureTrigger trigger) {
  absl::Status last;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    last_progress_ns_ = context_.clock.MonotonicNs();
    SF_ASSIGN_OR_RETURN(auto view, guest_->Refresh());
    if (capturer_ == nullptr || view->boot != boot_) SF_RETURN_IF_ERROR(BeginEpoch(*view));
    NoteState(*view);
    SF_RETURN_IF_ERROR(RefreshGuard());
    auto captured =
        capturer_->Capture(std::move(view), *guard_, trigger, cancel_capture_, pacing_.due_ns());
    if (captured.ok() || !absl::IsAborted(captured.status())) return captured;
    last = captured.status();
  }
  return last;
}

void Worker::NoteState(const GuestView& view) {
  GuestCapabilities capabilities = guest_->capabilities();
  bool changed = false;
  {
    MutexLock lock(mu_);
    status_.state = view.state;
    changed = status_.capabilities.dirty_log != capabilities.dirty_log ||
              status_.capabilities.dirty_log_remark != capabilities.dirty_log_remark;
    if (changed) status_.capabilities = capabilities;
  }
  if (changed) LogCapabilities(identity_.name, capabilities);
}

absl::Status Worker::BeginEpoch(const GuestView& view) {
  Arena::Options options;
  options.name = fmt::format("stillframe-arena-{}", identity_.name);
  options.bytes_max = ArenaBytesFor(policy_, view, options.segment_bytes);
  options.budget = context_.budget;
  options.place = [home = home_](std::span<std::byte> memory) { home->Prefer(memory); };
  options.secrecy = context_.arena_secrecy;
  Retention retention;
  retention.generations_max = policy_.generations_max;
  retention.pins_max = context_.pins_max;
  retention.pin_age_ms_max = policy_.pin_age_ms_max;
  SF_ASSIGN_OR_RETURN(
      std::shared_ptr<SnapshotStore> store,
      SnapshotStore::Create(identity_, Epoch::Random(), std::make_shared<Arena>(options), retention,
                            context_.clock, context_.events));
  CapturePolicy resolved = Resolve(policy_, view);
  resolved.arena_bytes_max = store->arena().bytes_max();
  capturer_ = std::make_unique<Capturer>(*guest_, *store, resolved, context_.clock,
                                         context_.crew.get(), home_.get());
  boot_ = view.boot;
  Epoch previous;
  {
    MutexLock lock(mu_);
    if (store_ != nullptr) previous = store_->epoch();
    store_ = std::move(store);
    CaptureTotals totals = std::move(status_.totals);
    status_ = {};
    status_.totals = std::move(totals);
    status_.state = view.state;
    status_.vcpus = view.vcpus;
    status_.page_count = view.map.page_count();
    status_.readable_pages = view.map.readable_pages();
    status_.capabilities = guest_->capabilities();
    status_.policy = resolved;
  }
  spdlog::info("guest {}: epoch begins, {} MiB readable, {} vCPUs", identity_.name,
               view.map.readable_pages() >> 8, view.vcpus);
  LogCapabilities(identity_.name, guest_->capabilities());
  Announce(SnapshotEvent::Kind::kEpochChanged, absl::OkStatus(), previous);
  return absl::OkStatus();
}

absl::Status Worker::RefreshGuard() {
  const ResumeTicket ticket = guest_->resume_ticket();
  if (guard_ != nullptr && ticket == guarded_ticket_) return absl::OkStatus();
  guard_.reset();
  SF_ASSIGN_OR_RETURN(guard_, context_.guard(ticket, guest_->resume_fd()));
  guarded_ticket_ = ticket;
  return absl::OkStatus();
}

void Worker::Record(const absl::StatusOr<SnapshotPtr>& result) {
  const std::uint64_t paused_ns = capturer_ != nullptr ? capturer_->TakePausedNs() : 0;
  pacing_.End(paused_ns);
  {
    MutexLock lock(mu_);
    status_.paused_ns += paused_ns;
    if (paused_ns > 0) status_.totals.pauses.Add(paused_ns);
    status_.stretched_period_ms = pacing_.stretched_period_ms();
    status_.last_error = result.status();
    if (result.ok()) {
      ++status_.captures;
      status_.totals.AddCapture((*result)->metadata);
    } else if (!absl::IsCancelled(result.status())) {
      ++status_.captures_failed;
      status_.totals.AddFailure(result.status());
    }
  }
  if (result.ok()) {
    RecordSuccess((*result)->metadata, paused_ns);
  } else if (!absl::IsCancelled(result.status())) {
    RecordFailure(result.status());
  }
}

void Worker::RecordSuccess(const SnapshotMetadata& snapshot, std::uint64_t paused_ns) {
  failures_.Succeeded();
  const LogScope scope(snapshot.generation.value);
  spdlog::debug("guest {}: generation {}: paused {} us, {} pages copied, {} changed",
                identity_.name, snapshot.generation.value, paused_ns / 1000, snapshot.pages_copied,
                snapshot.pages_changed);
}

void Worker::RecordFailure(const absl::Status& failure) {
  const auto untold = failures_.Failed(failure, context_.clock.MonotonicNs());
  if (!untold) return;
  const std::string more = *untold > 0 ? fmt::format(" (and {} times before)", *untold) : "";
  spdlog::warn("guest {}: {}{}", identity_.name, MessageOf(failure), more);
  Announce(SnapshotEvent::Kind::kFailed, failure, Epoch{});
}

void Worker::Complete(std::map<RequestId, Done> requests,
                      const absl::StatusOr<SnapshotPtr>& result) {
  for (auto& [id, done] : requests) done(result);
}

void Worker::Leave(const absl::Status& reason) {
  std::map<RequestId, Done> waiting;
  {
    MutexLock lock(mu_);
    finished_ = true;
    waiting = std::exchange(waiting_, {});
  }
  guard_.reset();
  // Both hold the guest's memory, which a dead Xen domain cannot give back before.
  capturer_.reset();
  if (absl::IsNotFound(reason)) static_cast<void>(guest_->Refresh());
  Complete(std::move(waiting), reason);
  if (absl::IsNotFound(reason)) {
    spdlog::info("guest {} is gone", identity_.name);
    Announce(SnapshotEvent::Kind::kGuestGone, absl::OkStatus(), Epoch{});
  }
}

void Worker::Announce(SnapshotEvent::Kind kind, const absl::Status& error, Epoch previous) {
  SnapshotEvent event;
  event.kind = kind;
  event.guest = identity_;
  if (const auto current = store(); current != nullptr) event.epoch = current->epoch();
  event.previous_epoch = previous;
  event.error = error;
  context_.events.Append(std::move(event));
}

}  // namespace stillframe
