#include "local/connection_pins.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/reason.h"
#include "base/status.h"

namespace stillframe {
namespace {

absl::Status NoSuchPin(std::uint64_t number) {
  return WithReason(
      absl::NotFoundError(fmt::format("pin {} of this connection expired or was released", number)),
      "PIN_NOT_FOUND");
}

}  // namespace

ConnectionPins::~ConnectionPins() {
  for (auto& [number, held] : held_) held.store->Release(held.id);
}

absl::Status ConnectionPins::CheckTtl(std::uint64_t ttl_ms) const {
  if (ttl_ms <= limits_.ttl_ms_max) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(fmt::format(
          "pin for {} ms: at most {} ms are allowed; renew instead", ttl_ms, limits_.ttl_ms_max)),
      "LIMIT_EXCEEDED", {{"limit", "pin_ttl_ms_max"}});
}

std::uint64_t ConnectionPins::ExpiryAfter(std::uint64_t ttl_ms) const {
  return ttl_ms == 0 ? 0 : clock_.MonotonicNs() + ttl_ms * kNsPerMs;
}

absl::StatusOr<std::uint64_t> ConnectionPins::Add(std::shared_ptr<SnapshotStore> store,
                                                  Generation generation, std::uint64_t ttl_ms) {
  SF_RETURN_IF_ERROR(CheckTtl(ttl_ms));
  if (held_.size() >= limits_.pins_max) ReleaseExpired();
  if (held_.size() >= limits_.pins_max) {
    return WithReason(
        absl::ResourceExhaustedError(fmt::format(
            "this connection has {} pins, as many as it may; release some", held_.size())),
        "LIMIT_EXCEEDED", {{"limit", "pins_per_connection_max"}});
  }
  SF_ASSIGN_OR_RETURN(SnapshotStore::Pinned pinned, store->Pin(generation, ttl_ms));
  const std::uint64_t number = next_++;
  held_.emplace(number,
                Held{std::move(store), pinned.pin, std::move(pinned.snapshot), pinned.expires_ns});
  return number;
}

absl::StatusOr<const ConnectionPins::Held*> ConnectionPins::Find(std::uint64_t number) const {
  const auto found = held_.find(number);
  if (found == held_.end()) return NoSuchPin(number);
  return &found->second;
}

absl::Status ConnectionPins::Renew(std::uint64_t number, std::uint64_t ttl_ms) {
  SF_RETURN_IF_ERROR(CheckTtl(ttl_ms));
  const auto found = held_.find(number);
  if (found == held_.end()) return NoSuchPin(number);
  if (absl::Status renewed = found->second.store->Renew(found->second.id, ttl_ms); !renewed.ok()) {
    held_.erase(found);
    return renewed;
  }
  found->second.expires_ns = ExpiryAfter(ttl_ms);
  return absl::OkStatus();
}

absl::Status ConnectionPins::Release(std::uint64_t number) {
  const auto found = held_.find(number);
  if (found == held_.end()) return NoSuchPin(number);
  found->second.store->Release(found->second.id);
  held_.erase(found);
  return absl::OkStatus();
}

void ConnectionPins::ReleaseExpired() {
  const std::uint64_t now_ns = clock_.MonotonicNs();
  for (auto it = held_.begin(); it != held_.end();) {
    const Held& held = it->second;
    if (held.expires_ns == 0 || held.expires_ns > now_ns) {
      ++it;
      continue;
    }
    held.store->Release(held.id);
    it = held_.erase(it);
  }
}

void ConnectionPins::CollectStores(std::set<std::shared_ptr<SnapshotStore>>& stores) const {
  for (const auto& [number, held] : held_) stores.insert(held.store);
}

}  // namespace stillframe
