#include "gateway/pin_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/units.h"
#include "base/uuid.h"
#include "gateway/refusal.h"

namespace stillframe {
namespace {

constexpr std::uint64_t kTtlMsDefault = 60'000;

}  // namespace

PinTable::PinTable(std::uint64_t ttl_ms_max, std::uint64_t pins_max, const Clock& clock)
    : ttl_ms_max_(ttl_ms_max),
      pins_quota_(std::make_shared<Quota>(Quota::Bound{"pins_max", pins_max})),
      bytes_quota_(std::make_shared<Quota>(
          Quota::Bound{"pinned_bytes", std::numeric_limits<std::uint64_t>::max()})),
      clock_(clock),
      thread_([this] { Run(); }) {}

PinTable::~PinTable() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status PinTable::CheckTtl(std::uint64_t ttl_ms) const {
  if (ttl_ms <= ttl_ms_max_) return absl::OkStatus();
  return RequestInvalid(
      fmt::format("pin for {} ms: at most {} ms, then renew it", ttl_ms, ttl_ms_max_));
}

std::uint64_t PinTable::TtlNs(std::uint64_t ttl_ms) const {
  return (ttl_ms == 0 ? std::min(kTtlMsDefault, ttl_ms_max_) : ttl_ms) * kNsPerMs;
}

v1::Pin PinTable::Describe(const std::string& id, const PinnedSnapshot& snapshot,
                           std::uint64_t ttl_ns) const {
  v1::Pin pin;
  pin.set_id(id);
  *pin.mutable_snapshot() = snapshot.metadata();
  pin.set_expire_time_ns(clock_.WallNs() + ttl_ns);
  return pin;
}

absl::StatusOr<v1::Pin> PinTable::Add(std::shared_ptr<PinnedSnapshot> snapshot,
                                      std::uint64_t ttl_ms, const Owner& owner) {
  SF_RETURN_IF_ERROR(CheckTtl(ttl_ms));
  SF_ASSIGN_OR_RETURN(auto pin_lease,
                      pins_quota_->Take("create a pin", owner.principal.name, owner.pins));
  const std::uint64_t bytes = snapshot->metadata().pages_present() * kPageBytes;
  SF_ASSIGN_OR_RETURN(auto bytes_lease, bytes_quota_->Take("create a pin", owner.principal.name,
                                                           owner.pinned_bytes, bytes));
  const std::uint64_t ttl_ns = TtlNs(ttl_ms);
  const std::string id = Uuid::Random().ToString();
  v1::Pin pin = Describe(id, *snapshot, ttl_ns);
  MutexLock lock(mu_);
  pins_[id] = {std::move(snapshot), owner, std::move(pin_lease), std::move(bytes_lease),
               clock_.MonotonicNs() + ttl_ns};
  changed_.NotifyAll();
  return pin;
}

PinTable::Entry PinTable::Take(std::map<std::string, Entry>::iterator pin) {
  Entry entry = std::move(pin->second);
  pins_.erase(pin);
  return entry;
}

absl::StatusOr<v1::Pin> PinTable::Renew(const std::string& id, std::uint64_t ttl_ms,
                                        const MayChange& may_change) {
  SF_RETURN_IF_ERROR(CheckTtl(ttl_ms));
  const std::uint64_t ttl_ns = TtlNs(ttl_ms);
  std::shared_ptr<PinnedSnapshot> snapshot;
  Entry lost;  // released without the lock
  {
    MutexLock lock(mu_);
    const auto found = pins_.find(id);
    const std::uint64_t now_ns = clock_.MonotonicNs();
    if (found == pins_.end() || found->second.expires_ns <= now_ns ||
        !may_change(found->second.owner, found->second.snapshot->metadata())) {
      return PinNotFound();
    }
    if (found->second.snapshot->CheckHeld().ok()) {
      found->second.expires_ns = now_ns + ttl_ns;
      snapshot = found->second.snapshot;
      changed_.NotifyAll();
    } else {
      lost = Take(found);
    }
  }
  if (snapshot == nullptr) return PinNotFound();
  return Describe(id, *snapshot, ttl_ns);
}

absl::StatusOr<std::shared_ptr<PinnedSnapshot>> PinTable::Release(const std::string& id,
                                                                  const MayChange& may_change) {
  MutexLock lock(mu_);
  const auto found = pins_.find(id);
  if (found == pins_.end() ||
      !may_change(found->second.owner, found->second.snapshot->metadata())) {
    return PinNotFound();
  }
  return Take(found).snapshot;
}

void PinTable::Sweep(
    const std::function<bool(const Owner& owner, const v1::Snapshot& snapshot)>& keep) {
  std::vector<Entry> dropped;  // released without the lock
  MutexLock lock(mu_);
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    const auto here = pin++;
    const Entry& entry = here->second;
    if (!keep(entry.owner, entry.snapshot->metadata())) dropped.push_back(Take(here));
  }
}

void PinTable::Run() {
  while (true) {
    std::vector<Entry> expired;  // released without the lock
    MutexLock lock(mu_);
    if (stopping_) return;
    const std::uint64_t now_ns = clock_.MonotonicNs();
    std::uint64_t next_ns = 0;
    for (auto pin = pins_.begin(); pin != pins_.end();) {
      const auto here = pin++;
      const std::uint64_t expires_ns = here->second.expires_ns;
      if (expires_ns <= now_ns) {
        expired.push_back(Take(here));
      } else if (next_ns == 0 || expires_ns < next_ns) {
        next_ns = expires_ns;
      }
    }
    if (!expired.empty()) continue;
    if (next_ns == 0) {
      changed_.Wait(mu_);
    } else {
      changed_.WaitFor(mu_, std::chrono::nanoseconds(next_ns - now_ns));
    }
  }
}

}  // namespace stillframe
