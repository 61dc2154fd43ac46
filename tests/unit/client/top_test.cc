#include <gmock/gmock.h>

#include "base/clock.h"
#include "top/top_text.h"

namespace stillframe::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// `n` captures of 10 ms pauses each.
v1::Guest GuestAfter(std::uint64_t n, const std::string& uuid = "u1") {
  v1::Guest guest;
  guest.set_name("web1");
  guest.set_uuid(uuid);
  guest.set_latest_generation(n);
  guest.mutable_newest_snapshot()->set_wall_time_ns(100 * kNsPerS);
  v1::CaptureTotals& totals = *guest.mutable_statistics()->mutable_totals();
  totals.set_captures(n);
  totals.set_copied_bytes(n * (1 << 20));
  totals.set_precopied_bytes(n * (1 << 20));
  totals.set_changed_bytes(n * 4096);
  v1::PauseHistogram& pauses = *totals.mutable_pauses();
  for (const std::uint64_t bound_us : {1000u, 10'000u, 25'000u}) {
    v1::PauseHistogram::Bucket& bucket = *pauses.add_buckets();
    bucket.set_upper_bound_us(bound_us);
    bucket.set_count(bound_us >= 10'000 ? n : 0);
  }
  pauses.set_count(n);
  pauses.set_sum_ns(n * 10'000'000);
  return guest;
}

FleetLook LookAt(std::uint64_t seconds, std::vector<v1::Guest> guests) {
  FleetLook look;
  look.monotonic_ns = seconds * kNsPerS;
  look.host.mutable_daemon()->set_version("0.1.0");
  look.host.mutable_daemon()->set_wall_time_ns(102 * kNsPerS);
  look.guests = std::move(guests);
  return look;
}

TEST(FleetRatesTest, AreDifferencesPerSecond) {
  const auto rates = RatesBetween(LookAt(10, {GuestAfter(100)}), LookAt(12, {GuestAfter(110)}));
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_DOUBLE_EQ(rates[0].captures_per_s, 5);
  EXPECT_DOUBLE_EQ(rates[0].copied_bytes_per_s, 10 * (1 << 20));
  EXPECT_DOUBLE_EQ(rates[0].changed_bytes_per_s, 5 * 4096);
  EXPECT_DOUBLE_EQ(rates[0].downtime, 0.05);
  EXPECT_EQ(rates[0].pause_mean_ns, 10'000'000u);
  EXPECT_EQ(rates[0].pause_bound_us, 10'000u);
  EXPECT_EQ(rates[0].snapshot_age_ns, 2 * kNsPerS);
}

TEST(FleetRatesTest, NothingNewHasNoPause) {
  const auto rates = RatesBetween(LookAt(10, {GuestAfter(100)}), LookAt(12, {GuestAfter(100)}));
  EXPECT_EQ(rates.at(0).pause_mean_ns, 0u);
  EXPECT_EQ(rates.at(0).pause_bound_us, 0u);
  EXPECT_EQ(rates.at(0).captures_per_s, 0);
}

TEST(FleetRatesTest, CountersOfARestartedDaemonCountFromZero) {
  const auto rates = RatesBetween(LookAt(10, {GuestAfter(100)}), LookAt(12, {GuestAfter(4)}));
  EXPECT_DOUBLE_EQ(rates.at(0).captures_per_s, 2);
  EXPECT_EQ(rates.at(0).pause_mean_ns, 10'000'000u);
  EXPECT_EQ(rates.at(0).pause_bound_us, 10'000u);
}

TEST(FleetRatesTest, ANewGuestHasNoRatesYet) {
  const auto rates =
      RatesBetween(LookAt(10, {GuestAfter(1)}), LookAt(12, {GuestAfter(2), GuestAfter(9, "u2")}));
  ASSERT_EQ(rates.size(), 2u);
  EXPECT_GT(rates[0].captures_per_s, 0);
  EXPECT_EQ(rates[1].captures_per_s, 0);
}

// A daemon of before has no buckets, no totals; a clock may be set back.
TEST(FleetRatesTest, BearsWhatIsMissing) {
  FleetLook look = LookAt(10, {v1::Guest(), GuestAfter(3)});
  look.host.mutable_daemon()->set_wall_time_ns(1);
  const auto rates = RatesBetween(look, look);
  EXPECT_EQ(rates.at(0).snapshot_age_ns, 0u);
  EXPECT_EQ(rates.at(1).snapshot_age_ns, 0u);
}

TEST(TopTextTest, HasALineForEachGuest) {
  const FleetLook after = LookAt(12, {GuestAfter(110)});
  const std::string text =
      TopText(after.host, RatesBetween(LookAt(10, {GuestAfter(100)}), after), {});
  EXPECT_THAT(text, HasSubstr("stillframed 0.1.0"));
  EXPECT_THAT(text, HasSubstr("web1   110  2 s    5.0  10 ms   10 ms    5.00 %"));
}

TEST(TopTextTest, FitsTheScreenAndSaysWhatItLeavesOut) {
  std::vector<v1::Guest> guests;
  for (int i = 0; i < 30; ++i) guests.push_back(GuestAfter(1, "u" + std::to_string(i)));
  const FleetLook look = LookAt(10, guests);
  const std::string text =
      TopText(look.host, RatesBetween(look, look), {.rows = 12, .columns = 40});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 12);
  EXPECT_THAT(text, HasSubstr("... and 23 more"));
  std::size_t line = 0;
  for (const char c : text) {
    line = c == '\n' ? 0 : line + 1;
    EXPECT_LE(line, 40u);
  }
}

TEST(TopTextTest, AScreenOfNoRowsShowsNoGuest) {
  const FleetLook look = LookAt(10, {GuestAfter(1)});
  EXPECT_THAT(TopText(look.host, RatesBetween(look, look), {.rows = 2, .columns = 80}),
              HasSubstr("... and 1 more"));
}

TEST(TopTextTest, NamesAndErrorsCannotCommandTheTerminal) {
  v1::Guest guest = GuestAfter(1);
  guest.set_name("\033[2Jweb1");
  guest.mutable_statistics()->set_last_error("bad\nthing");
  const FleetLook look = LookAt(10, {guest});
  const std::string text = TopText(look.host, RatesBetween(look, look), {});
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  EXPECT_THAT(text, HasSubstr("FAILING: bad?thing"));
}

TEST(TopTextTest, JsonHasTheSameNumbers) {
  const FleetLook after = LookAt(12, {GuestAfter(110)});
  const Json json = TopJson(after.host, RatesBetween(LookAt(10, {GuestAfter(100)}), after));
  EXPECT_EQ(json["host"]["daemon"]["version"], "0.1.0");
  EXPECT_EQ(json["guests"][0]["captures_per_s"], 5.0);
  EXPECT_EQ(json["guests"][0]["pause_mean_ns"], 10'000'000);
}

TEST(TopTextTest, UptimesAreInTheirTwoLargestUnits) {
  EXPECT_EQ(VersionAndUptime("1", 59'000), "1, up 59 s");
  EXPECT_EQ(VersionAndUptime("1", 61'000), "1, up 1 min");
  EXPECT_EQ(VersionAndUptime("1", 3 * 3'600'000 + 720'000), "1, up 3 h 12 min");
  EXPECT_EQ(VersionAndUptime("", 50ull * 3'600'000), "?, up 2 d 2 h");
}

}  // namespace
}  // namespace stillframe::cli
