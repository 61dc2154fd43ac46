#include "top/fleet_rates.h"

#include <algorithm>
#include <map>

namespace stillframe::cli {
namespace {

std::uint64_t Grown(std::uint64_t before, std::uint64_t after) {
  return after >= before ? after - before : after;
}

std::uint64_t FailuresOf(const v1::CaptureTotals& totals) {
  std::uint64_t count = 0;
  for (const v1::CaptureFailures& failures : totals.failures()) count += failures.count();
  return count;
}

// The bound of the highest bucket that got a pause.
std::uint64_t BoundOfNewPauses(const v1::PauseHistogram& before, const v1::PauseHistogram& after) {
  const bool comparable =
      before.buckets_size() == after.buckets_size() && before.count() <= after.count();
  const std::uint64_t pauses = comparable ? after.count() - before.count() : after.count();
  if (pauses == 0) return 0;
  for (int i = 0; i < after.buckets_size(); ++i) {
    const std::uint64_t old = comparable ? before.buckets(i).count() : 0;
    if (after.buckets(i).count() - std::min(old, after.buckets(i).count()) == pauses) {
      return after.buckets(i).upper_bound_us();
    }
  }
  return 0;
}

void Compare(const v1::CaptureTotals& before, const v1::CaptureTotals& after, double seconds,
             GuestRates& rates) {
  const auto per_s = [seconds](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(Grown(from, to)) / seconds;
  };
  rates.captures_per_s = per_s(before.captures(), after.captures());
  rates.failures_per_s = per_s(FailuresOf(before), FailuresOf(after));
  rates.copied_bytes_per_s = per_s(before.copied_bytes(), after.copied_bytes()) +
                             per_s(before.precopied_bytes(), after.precopied_bytes());
  rates.changed_bytes_per_s = per_s(before.changed_bytes(), after.changed_bytes());
  const std::uint64_t paused_ns = Grown(before.pauses().sum_ns(), after.pauses().sum_ns());
  rates.downtime = std::min(1.0, static_cast<double>(paused_ns) / 1e9 / seconds);
  const std::uint64_t pauses = Grown(before.pauses().count(), after.pauses().count());
  if (pauses > 0) rates.pause_mean_ns = paused_ns / pauses;
  rates.pause_bound_us = BoundOfNewPauses(before.pauses(), after.pauses());
}

}  // namespace

std::uint64_t SnapshotAgeNs(const v1::Host& host, const v1::Guest& guest) {
  if (!guest.has_newest_snapshot()) return 0;
  const std::uint64_t now_ns = host.daemon().wall_time_ns();
  const std::uint64_t taken_ns = guest.newest_snapshot().wall_time_ns();
  return now_ns > taken_ns ? now_ns - taken_ns : 0;
}

std::vector<GuestRates> RatesBetween(const FleetLook& before, const FleetLook& after) {
  std::map<std::string, const v1::Guest*> earlier;
  for (const v1::Guest& guest : before.guests) earlier[guest.uuid()] = &guest;
  const double seconds =
      std::max(static_cast<double>(after.monotonic_ns - before.monotonic_ns) / 1e9, 1e-3);
  std::vector<GuestRates> all;
  for (const v1::Guest& guest : after.guests) {
    GuestRates& rates = all.emplace_back();
    rates.guest = guest;
    rates.snapshot_age_ns = SnapshotAgeNs(after.host, guest);
    const auto found = earlier.find(guest.uuid());
    if (found == earlier.end()) continue;
    Compare(found->second->statistics().totals(), guest.statistics().totals(), seconds, rates);
  }
  return all;
}

}  // namespace stillframe::cli
