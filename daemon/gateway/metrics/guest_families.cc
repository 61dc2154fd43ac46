#include "gateway/metrics/guest_families.h"

#include <limits>
#include <string>

#include "base/units.h"
#include "gateway/metrics/metric_families.h"

namespace stillframe {
namespace {

Labels LabelsOf(const v1::Guest& guest) {
  return {{"guest", LabelValue(guest.name())}, {"uuid", LabelValue(guest.uuid())}};
}

Labels With(Labels labels, std::string name, std::string_view value) {
  labels.push_back({std::move(name), LabelValue(value)});
  return labels;
}

double SecondsOfMs(std::uint64_t ms) { return static_cast<double>(ms) / 1e3; }

prometheus::ClientMetric::Histogram HistogramOf(const v1::PauseHistogram& pauses) {
  prometheus::ClientMetric::Histogram histogram;
  histogram.sample_count = pauses.count();
  histogram.sample_sum = static_cast<double>(pauses.sum_ns()) / 1e9;
  for (const v1::PauseHistogram::Bucket& bucket : pauses.buckets()) {
    histogram.bucket.push_back(
        {bucket.count(), static_cast<double>(bucket.upper_bound_us()) / 1e6});
  }
  histogram.bucket.push_back({pauses.count(), std::numeric_limits<double>::infinity()});
  return histogram;
}

class GuestFamilies {
 public:
  explicit GuestFamilies(FamilyList& families) : families_(families) {}

  void Add(const v1::Guest& guest) {
    const Labels labels = LabelsOf(guest);
    const bool captured = guest.unreadable_reason().empty();
    families_.Set(info_, 1.0, With(labels, "backend", guest.backend()));
    families_.Set(captured_, captured ? 1.0 : 0.0, labels);
    if (!captured) return;
    AddCaptures(guest.statistics(), labels);
    AddPolicy(guest, labels);
    AddArena(guest, labels);
    if (guest.has_newest_snapshot()) AddSnapshot(guest, labels);
  }

 private:
  void AddCaptures(const v1::GuestStatistics& statistics, const Labels& labels) {
    const v1::CaptureTotals& totals = statistics.totals();
    families_.Set(captures_, totals.captures(), labels);
    families_.Set(failing_, statistics.last_error().empty() ? 0.0 : 1.0, labels);
    for (const v1::CaptureFailures& failures : totals.failures()) {
      families_.Set(failures_, failures.count(), With(labels, "reason", failures.reason()));
    }
    families_.Set(pauses_, HistogramOf(totals.pauses()), labels);
    families_.Set(copied_, totals.copied_bytes(), With(labels, "phase", "pause"));
    families_.Set(copied_, totals.precopied_bytes(), With(labels, "phase", "precopy"));
    families_.Set(changed_, totals.changed_bytes(), labels);
    families_.Set(unchecked_, totals.unchecked_bytes(), labels);
    families_.Set(faults_, totals.window_page_faults(), labels);
  }

  void AddPolicy(const v1::Guest& guest, const Labels& labels) {
    families_.Set(period_, SecondsOfMs(guest.policy().period_ms()), labels);
    families_.Set(stretched_, SecondsOfMs(guest.statistics().stretched_period_ms()), labels);
    families_.Set(downtime_limit_, static_cast<double>(guest.policy().downtime_percent_max()) / 100,
                  labels);
  }

  void AddArena(const v1::Guest& guest, const Labels& labels) {
    families_.Set(arena_, guest.statistics().arena_bytes(), labels);
    families_.Set(arena_used_, guest.statistics().arena_bytes_used(), labels);
    families_.Set(arena_limit_, guest.policy().arena_bytes_max(), labels);
    families_.Set(pins_, guest.statistics().pins(), labels);
  }

  void AddSnapshot(const v1::Guest& guest, const Labels& labels) {
    const v1::Snapshot& newest = guest.newest_snapshot();
    families_.Set(generation_, newest.generation(), labels);
    families_.Set(generations_, guest.latest_generation() - guest.oldest_generation() + 1, labels);
    families_.Set(timestamp_, static_cast<double>(newest.wall_time_ns()) / 1e9, labels);
    const auto set_bytes = [&](std::string_view content, std::uint64_t pages) {
      families_.Set(memory_, pages * kPageBytes, With(labels, "content", content));
    };
    set_bytes("data", newest.pages_present());
    set_bytes("zero", newest.pages_zero());
    set_bytes("absent", newest.pages_absent());
  }

  using Family = FamilyList::Family;
  FamilyList& families_;
  const Family info_ = families_.Gauge("stillframe_guest_info", "A guest that the daemon knows.");
  const Family captured_ =
      families_.Gauge("stillframe_guest_captured", "1: the guest can be captured; 0: it cannot.");
  const Family captures_ =
      families_.Counter("stillframe_captures_total", "Snapshots taken of the guest.");
  const Family failures_ = families_.Counter("stillframe_capture_failures_total",
                                             "Captures that failed, by reason; the guest ran on.");
  const Family failing_ =
      families_.Gauge("stillframe_capture_failing", "1: the newest capture failed.");
  const Family pauses_ = families_.Histogram(
      "stillframe_pause_seconds",
      "How long the guest stood still for a capture. The rate of its sum is the downtime share.");
  const Family copied_ = families_.Counter(
      "stillframe_copied_bytes_total", "Guest memory copied, in the pause or before it (precopy).");
  const Family changed_ = families_.Counter(
      "stillframe_changed_bytes_total", "Guest memory that differed from the generation before.");
  const Family unchecked_ =
      families_.Counter("stillframe_unchecked_bytes_total",
                        "The part of the changed bytes that was not compared for lack of time.");
  const Family faults_ = families_.Counter("stillframe_pause_page_faults_total",
                                           "Page faults of the daemon in pauses; 0 in health.");
  const Family period_ = families_.Gauge("stillframe_capture_period_seconds",
                                         "Wanted time between captures; 0: on demand only.");
  const Family stretched_ =
      families_.Gauge("stillframe_capture_stretched_period_seconds",
                      "What the downtime limit makes of the period; 0: the period holds.");
  const Family downtime_limit_ = families_.Gauge(
      "stillframe_downtime_limit_ratio",
      "Largest share of the time that periodic captures may pause the guest; 0: no limit.");
  const Family arena_ =
      families_.Gauge("stillframe_guest_arena_bytes", "Memory held for the guest's page copies.");
  const Family arena_used_ =
      families_.Gauge("stillframe_guest_arena_used_bytes", "The part of it that generations use.");
  const Family arena_limit_ =
      families_.Gauge("stillframe_guest_arena_limit_bytes", "Bound on the guest's arena.");
  const Family pins_ =
      families_.Gauge("stillframe_guest_pins", "Holds by readers on the guest's generations.");
  const Family generation_ = families_.Gauge("stillframe_snapshot_generation",
                                             "The newest generation of the current epoch.");
  const Family generations_ =
      families_.Gauge("stillframe_snapshots", "Generations that can be read.");
  const Family timestamp_ = families_.Gauge("stillframe_snapshot_timestamp_seconds",
                                            "When the newest generation was taken, Unix time.");
  const Family memory_ = families_.Gauge(
      "stillframe_snapshot_bytes", "Guest memory in the newest generation, by what is there.");
};

}  // namespace

void AddGuestFamilies(std::span<const v1::Guest> guests, FamilyList& families) {
  GuestFamilies added(families);
  for (const v1::Guest& guest : guests) added.Add(guest);
}

}  // namespace stillframe
