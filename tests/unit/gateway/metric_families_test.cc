#include "gateway/metrics/metric_families.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <sstream>

#include "support/exposition.h"

namespace stillframe {
namespace {

constexpr char kUuid[] = "11111111-2222-4333-8444-555555555555";

v1::Guest MakeGuest(const std::string& name, const std::string& uuid = kUuid) {
  v1::Guest guest;
  guest.set_name(name);
  guest.set_uuid(uuid);
  guest.set_backend("sim");
  guest.set_oldest_generation(5);
  guest.set_latest_generation(9);
  guest.mutable_policy()->set_period_ms(1000);
  guest.mutable_policy()->set_downtime_percent_max(25);
  guest.mutable_newest_snapshot()->set_generation(9);
  guest.mutable_newest_snapshot()->set_wall_time_ns(1'700'000'000'500'000'000);
  guest.mutable_newest_snapshot()->set_pages_zero(3);
  v1::CaptureTotals& totals = *guest.mutable_statistics()->mutable_totals();
  totals.set_captures(9);
  totals.set_copied_bytes(4096);
  v1::CaptureFailures& failures = *totals.add_failures();
  failures.set_reason("LIMIT_EXCEEDED");
  failures.set_count(2);
  v1::PauseHistogram& pauses = *totals.mutable_pauses();
  for (const auto& [bound_us, count] : {std::pair(1000u, 4u), {2500u, 8u}}) {
    v1::PauseHistogram::Bucket& bucket = *pauses.add_buckets();
    bucket.set_upper_bound_us(bound_us);
    bucket.set_count(count);
  }
  pauses.set_count(9);
  pauses.set_sum_ns(30'000'000);
  return guest;
}

MetricsLook MakeLook() {
  MetricsLook look;
  look.host.mutable_daemon()->set_version("1.2.3");
  look.host.mutable_daemon()->set_arena_bytes(1 << 20);
  look.host.mutable_daemon()->set_guardian_resumes(2);
  look.host.mutable_gateway()->set_streams(7);
  look.guests = {MakeGuest("web1")};
  look.calls[{"GuestService/ListGuests", "OK"}] = 5;
  look.denials[{"spiffe://x/a", "LIMIT_EXCEEDED", "streams_max"}] = 3;
  return look;
}

Exposition Scrape(const MetricsLook& look) {
  const std::string text = prometheus::TextSerializer().Serialize(FamiliesOf(look));
  auto parsed = Exposition::Parse(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status() << "\n" << text;
  return parsed.ok() ? *std::move(parsed) : Exposition{};
}

double ValueOf(const Exposition& scrape, const std::string& name,
               const std::map<std::string, std::string>& labels = {}) {
  const Exposition::Sample* sample = scrape.Find(name, labels);
  EXPECT_NE(sample, nullptr) << name;
  return sample == nullptr ? -1 : sample->value;
}

TEST(MetricFamiliesTest, TellsWhatTheDaemonAndTheGatewayCount) {
  const Exposition scrape = Scrape(MakeLook());
  EXPECT_EQ(ValueOf(scrape, "stillframe_daemon_up"), 1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_arena_bytes"), 1 << 20);
  EXPECT_EQ(ValueOf(scrape, "stillframe_guardian_resumes_total"), 2);
  EXPECT_EQ(ValueOf(scrape, "stillframe_gateway_streams"), 7);
  EXPECT_EQ(ValueOf(scrape, "stillframe_build_info",
                    {{"component", "stillframed"}, {"version", "1.2.3"}}),
            1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_gateway_calls_total",
                    {{"method", "GuestService/ListGuests"}, {"code", "OK"}}),
            5);
  EXPECT_EQ(
      ValueOf(
          scrape, "stillframe_gateway_denials_total",
          {{"principal", "spiffe://x/a"}, {"reason", "LIMIT_EXCEEDED"}, {"limit", "streams_max"}}),
      3);
}

TEST(MetricFamiliesTest, TellsOfGuestsInBaseUnits) {
  const Exposition scrape = Scrape(MakeLook());
  std::map<std::string, std::string> labels = {{"guest", "web1"}, {"uuid", kUuid}};
  EXPECT_EQ(ValueOf(scrape, "stillframe_captures_total", labels), 9);
  EXPECT_EQ(ValueOf(scrape, "stillframe_snapshots", labels), 5);
  EXPECT_EQ(ValueOf(scrape, "stillframe_capture_period_seconds", labels), 1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_downtime_limit_ratio", labels), 0.25);
  EXPECT_EQ(ValueOf(scrape, "stillframe_pause_seconds_sum", labels), 0.03);
  EXPECT_NEAR(ValueOf(scrape, "stillframe_snapshot_timestamp_seconds", labels), 1'700'000'000.5,
              0.001);
  labels["le"] = "0.0025";
  EXPECT_EQ(ValueOf(scrape, "stillframe_pause_seconds_bucket", labels), 8);
  labels["le"] = "+Inf";
  EXPECT_EQ(ValueOf(scrape, "stillframe_pause_seconds_bucket", labels), 9);
  labels.erase("le");
  labels["reason"] = "LIMIT_EXCEEDED";
  EXPECT_EQ(ValueOf(scrape, "stillframe_capture_failures_total", labels), 2);
  labels.erase("reason");
  labels["content"] = "zero";
  EXPECT_EQ(ValueOf(scrape, "stillframe_snapshot_bytes", labels), 3 * 4096);
}

TEST(MetricFamiliesTest, ADaemonThatIsAwayIsToldAndNothingIsMadeUp) {
  const Exposition scrape = Scrape({});
  EXPECT_EQ(ValueOf(scrape, "stillframe_daemon_up"), 0);
  EXPECT_EQ(scrape.Find("stillframe_arena_bytes"), nullptr);
  EXPECT_TRUE(scrape.Knows("stillframe_arena_bytes"));
}

TEST(MetricFamiliesTest, AGuestThatCannotBeCapturedHasNoCaptureMetrics) {
  MetricsLook look = MakeLook();
  look.guests[0].set_unreadable_reason("no shared RAM");
  const Exposition scrape = Scrape(look);
  const std::map<std::string, std::string> labels = {{"guest", "web1"}, {"uuid", kUuid}};
  EXPECT_EQ(ValueOf(scrape, "stillframe_guest_captured", labels), 0);
  EXPECT_EQ(scrape.Find("stillframe_captures_total", labels), nullptr);
}

// Names come from guests' owners.
TEST(MetricFamiliesTest, HostileNamesStayInsideTheirLabel) {
  for (const std::string& name :
       {std::string("a\"} 1\nstillframe_daemon_up 0\n"), std::string("back\\slash\\n"),
        std::string("\xff\xfe\xc0\x80"), std::string("\0zero", 5), std::string(5000, 'x'),
        std::string()}) {
    MetricsLook look = MakeLook();
    look.guests[0] = MakeGuest(name);
    const Exposition scrape = Scrape(look);
    EXPECT_EQ(ValueOf(scrape, "stillframe_daemon_up"), 1);
    EXPECT_EQ(ValueOf(scrape, "stillframe_captures_total",
                      {{"guest", LabelValue(name)}, {"uuid", kUuid}}),
              9);
  }
}

TEST(MetricFamiliesTest, LabelValuesAreShortUtf8WithoutControlCharacters) {
  EXPECT_EQ(LabelValue("web1 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "web1 \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(LabelValue("a\nb\x7f"), "a?b?");
  EXPECT_EQ(LabelValue("\xed\xa0\x80"), "???");  // a surrogate
  EXPECT_EQ(LabelValue("\xc0\xaf"), "??");       // overlong
  EXPECT_EQ(LabelValue("x\xe2\x82"), "x??");     // cut off
  EXPECT_EQ(LabelValue(std::string(127, 'x') + "\xc3\xa4"), std::string(127, 'x'));
}

TEST(MetricFamiliesTest, GuestsAreBoundedAndTheRestCounted) {
  MetricsLook look = MakeLook();
  look.guests.clear();
  for (std::size_t i = 0; i < kGuestsShownMax + 3; ++i) {
    look.guests.push_back(MakeGuest("g", fmt::format("uuid{}", i)));
  }
  const Exposition scrape = Scrape(look);
  EXPECT_EQ(ValueOf(scrape, "stillframe_guests"), kGuestsShownMax + 3);
  EXPECT_EQ(ValueOf(scrape, "stillframe_guests_omitted"), 3);
  EXPECT_EQ(scrape.families.at("stillframe_captures_total").samples.size(), kGuestsShownMax);
}

TEST(MetricFamiliesTest, TheManualNamesEveryFamily) {
  std::ifstream file(STILLFRAME_SOURCE_DIR "/daemon/man/stillframe-gateway.8");
  std::ostringstream manual;
  manual << file.rdbuf();
  for (const prometheus::MetricFamily& family : FamiliesOf({})) {
    EXPECT_NE(manual.str().find("\n.B " + family.name + "\n"), std::string::npos) << family.name;
  }
}

TEST(ExpositionTest, RefusesWhatAScraperWould) {
  const std::string head = "# HELP a_total Help.\n# TYPE a_total counter\n";
  EXPECT_TRUE(Exposition::Parse(head + "a_total 1\n").ok());
  EXPECT_TRUE(Exposition::Parse(head + "a_total{b=\"x\\n\\\"\\\\\"} 1e+09\n").ok());
  for (const std::string& text :
       {head + "a_total 1", head + "a_total\n", head + "a_total x\n", head + "a_total -1\n",
        head + "a_total{b=\"x} 1\n", head + "a_total{0b=\"x\"} 1\n",
        head + "a_total 1\na_total 1\n", head + "b_total 1\n", head + "a_total{b=\"\\x\"} 1\n",
        head + "\n", head + head, std::string("# HELP a Help.\n# TYPE a counter\na 1\n"),
        std::string("# HELP a_ms Help.\n# TYPE a_ms gauge\na_ms 1\n"),
        std::string(
            "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n"),
        std::string("# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n"
                    "h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")}) {
    EXPECT_FALSE(Exposition::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace stillframe
