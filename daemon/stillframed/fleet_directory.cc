#include "stillframed/fleet_directory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/reason.h"
#include "base/status.h"
#include "local/convert.h"

namespace stillframe {
namespace {

// An unknown guest's error names those that there are, up to this many.
constexpr std::size_t kNamesShownMax = 8;

absl::Status UnknownGuest(std::string_view guest, const std::vector<Fleet::Member>& members) {
  std::vector<std::string> names;
  for (const Fleet::Member& member : members) {
    if (names.size() == kNamesShownMax) {
      names.push_back("...");
      break;
    }
    names.push_back(member.identity.name);
  }
  return WithReason(
      absl::NotFoundError(names.empty() ? fmt::format("no guest \"{}\"; no guests are there", guest)
                                        : fmt::format("no guest \"{}\"; there are: {}", guest,
                                                      fmt::join(names, ", "))),
      "GUEST_NOT_FOUND");
}

absl::StatusOr<Fleet::Member> Resolve(std::string_view guest, std::vector<Fleet::Member> members) {
  const std::optional<Uuid> id = Uuid::Parse(guest);
  std::vector<const Fleet::Member*> found;
  for (const Fleet::Member& member : members) {
    if (id.has_value() ? member.identity.id == *id : member.identity.name == guest) {
      found.push_back(&member);
    }
  }
  if (found.empty()) return UnknownGuest(guest, members);
  if (found.size() > 1) {
    return WithReason(absl::InvalidArgumentError(fmt::format(
                          "{} guests have the name \"{}\"; use a UUID", found.size(), guest)),
                      "GUEST_NAME_AMBIGUOUS");
  }
  return *found.front();
}

void Describe(const CaptureTotals& totals, v1::CaptureTotals& message) {
  message.set_captures(totals.captures);
  for (const auto& [reason, count] : totals.failures) {
    v1::CaptureFailures& failures = *message.add_failures();
    failures.set_reason(reason);
    failures.set_count(count);
  }
  v1::PauseHistogram& pauses = *message.mutable_pauses();
  for (std::size_t i = 0; i < PauseHistogram::kBoundsUs.size(); ++i) {
    v1::PauseHistogram::Bucket& bucket = *pauses.add_buckets();
    bucket.set_upper_bound_us(PauseHistogram::kBoundsUs[i]);
    bucket.set_count(totals.pauses.CountUpTo(i));
  }
  pauses.set_count(totals.pauses.count());
  pauses.set_sum_ns(totals.pauses.sum_ns());
  message.set_copied_bytes(totals.pages_copied << kPageShift);
  message.set_precopied_bytes(totals.pages_precopied << kPageShift);
  message.set_changed_bytes(totals.pages_changed << kPageShift);
  message.set_unchecked_bytes(totals.pages_unchecked << kPageShift);
  message.set_window_page_faults(totals.window_page_faults);
}

void Describe(const Worker& worker, v1::Guest& message) {
  const WorkerStatus status = worker.status();
  message.set_state(ToMessage(status.state));
  message.set_page_count(status.page_count);
  message.set_readable_page_count(status.readable_pages);
  message.set_vcpu_count(status.vcpus);
  v1::GuestCapabilities& capabilities = *message.mutable_capabilities();
  capabilities.set_dirty_log(status.capabilities.dirty_log);
  capabilities.set_dirty_log_remark(status.capabilities.dirty_log_remark);
  const CapturePolicy& policy = status.policy;
  v1::GuestPolicy& shown = *message.mutable_policy();
  shown.set_period_ms(policy.period_ms);
  shown.set_generations_max(policy.generations_max);
  shown.set_arena_bytes_max(policy.arena_bytes_max);
  shown.set_pause_deadline_ms(policy.pause_deadline_ms);
  shown.set_pause_budget_ms(policy.pause_budget_ms);
  shown.set_downtime_percent_max(policy.downtime_percent_max);
  v1::GuestStatistics& statistics = *message.mutable_statistics();
  statistics.set_captures(status.captures);
  statistics.set_captures_failed(status.captures_failed);
  statistics.set_paused_us(status.paused_ns / 1000);
  statistics.set_stretched_period_ms(status.stretched_period_ms);
  statistics.set_last_error(MessageOf(status.last_error));
  Describe(status.totals, *statistics.mutable_totals());
  const auto store = worker.store();
  if (store == nullptr) return;
  message.set_epoch(store->epoch().ToString());
  const auto live = store->List();
  if (!live.empty()) {
    message.set_oldest_generation(live.front()->metadata.generation.value);
    message.set_latest_generation(live.back()->metadata.generation.value);
    *message.mutable_newest_snapshot() = ToMessage(live.back()->metadata, Detail::kBrief);
  }
  statistics.set_arena_bytes(store->arena().bytes_held());
  statistics.set_arena_bytes_used(store->arena().bytes_used());
  statistics.set_pins(store->pin_count());
}

}  // namespace

std::vector<v1::Guest> FleetDirectory::ListGuests() const {
  std::vector<v1::Guest> guests;
  for (const Fleet::Member& member : fleet_.Members()) {
    v1::Guest& message = guests.emplace_back();
    message.set_uuid(member.identity.id.ToString());
    message.set_name(member.identity.name);
    message.set_backend(std::string(NameOf(member.identity.backend)));
    message.set_state(ToMessage(member.state));
    message.set_unreadable_reason(MessageOf(member.unreadable));
    if (member.worker != nullptr) Describe(*member.worker, message);
  }
  return guests;
}

absl::StatusOr<std::shared_ptr<Worker>> FleetDirectory::FindWorker(std::string_view guest) const {
  SF_ASSIGN_OR_RETURN(const Fleet::Member member, Resolve(guest, fleet_.Members()));
  if (member.worker == nullptr) {
    return WithReason(
        absl::FailedPreconditionError(fmt::format(
            "guest {} cannot be captured: {}", member.identity.name, MessageOf(member.unreadable))),
        "GUEST_UNREADABLE");
  }
  return member.worker;
}

absl::StatusOr<std::shared_ptr<SnapshotStore>> FleetDirectory::FindStore(
    std::string_view guest) const {
  SF_ASSIGN_OR_RETURN(const auto worker, FindWorker(guest));
  auto store = worker->store();
  if (store == nullptr) {
    return WithReason(
        absl::NotFoundError(fmt::format("guest {} has no snapshot yet", worker->identity().name)),
        "NO_SNAPSHOT_YET");
  }
  return store;
}

GuestDirectory::CaptureId FleetDirectory::RequestCapture(std::string_view guest, CaptureDone done) {
  const auto worker = FindWorker(guest);
  if (!worker.ok()) {
    done(worker.status());
    return 0;
  }
  CaptureId id;
  {
    MutexLock lock(mu_);
    id = next_capture_++;
    open_[id].worker = *worker;
  }
  const Worker::RequestId request =
      (*worker)->Request([this, id, done = std::move(done)](absl::StatusOr<SnapshotPtr> result) {
        {
          MutexLock lock(mu_);
          open_.erase(id);
        }
        done(std::move(result));
      });
  bool cancelled = false;
  {
    MutexLock lock(mu_);
    const auto found = open_.find(id);
    if (found != open_.end()) {
      found->second.request = request;
      cancelled = found->second.cancelled;
    }
  }
  if (cancelled) (*worker)->Cancel(request);
  return id;
}

void FleetDirectory::CancelCapture(CaptureId id) {
  std::shared_ptr<Worker> worker;
  Worker::RequestId request = 0;
  {
    MutexLock lock(mu_);
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    found->second.cancelled = true;
    request = found->second.request;
    worker = found->second.worker.lock();
  }
  if (worker != nullptr && request != 0) worker->Cancel(request);
}

}  // namespace stillframe
