#include "status/host_verdict.h"

#include <gmock/gmock.h>

#include "base/clock.h"

namespace stillframe::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kNowS = 1000;

v1::Host MakeHost() {
  v1::Host host;
  host.mutable_daemon()->set_version("0.1.0");
  host.mutable_daemon()->set_uptime_ms(3'600'000);
  host.mutable_daemon()->set_wall_time_ns(kNowS * kNsPerS);
  host.mutable_daemon()->set_arena_bytes(100);
  host.mutable_daemon()->set_arena_bytes_max(1000);
  return host;
}

// Captured each second, `age_s` ago for the last time.
v1::Guest MakeGuest(std::uint64_t age_s) {
  v1::Guest guest;
  guest.set_name("web1");
  guest.set_uuid("u1");
  guest.mutable_policy()->set_period_ms(1000);
  guest.mutable_newest_snapshot()->set_wall_time_ns((kNowS - age_s) * kNsPerS);
  return guest;
}

std::vector<std::string> Whats(const std::vector<Finding>& findings) {
  std::vector<std::string> whats;
  for (const Finding& finding : findings) whats.push_back(finding.what);
  return whats;
}

TEST(HostVerdictTest, AHostWhoseGuestsAreCapturedIsHealthy) {
  const HostVerdict verdict = Judge(MakeHost(), {MakeGuest(1)});
  EXPECT_TRUE(verdict.healthy());
  EXPECT_TRUE(verdict.notes.empty());
  EXPECT_THAT(StatusText(verdict), StartsWith("healthy\n"));
  EXPECT_EQ(StatusJson(verdict)["healthy"], true);
}

TEST(HostVerdictTest, FailingCapturesAreAProblem) {
  v1::Guest guest = MakeGuest(1);
  guest.mutable_statistics()->set_last_error("no room\x1b[2J");
  const HostVerdict verdict = Judge(MakeHost(), {guest});
  EXPECT_EQ(Whats(verdict.problems), std::vector<std::string>{"captures_fail"});
  EXPECT_THAT(StatusText(verdict), HasSubstr("UNHEALTHY: 1 problem\n"));
  EXPECT_THAT(StatusText(verdict), HasSubstr("PROBLEM   guest web1: no room?[2J\n"));
  EXPECT_EQ(StatusJson(verdict)["problems"][0]["guest_uuid"], "u1");
}

TEST(HostVerdictTest, ASnapshotIsOverdueAfterThreePeriodsAndFiveSeconds) {
  EXPECT_TRUE(Judge(MakeHost(), {MakeGuest(8)}).healthy());
  EXPECT_EQ(Whats(Judge(MakeHost(), {MakeGuest(9)}).problems),
            std::vector<std::string>{"snapshot_overdue"});
}

TEST(HostVerdictTest, AStretchedPeriodCountsAndIsTold) {
  v1::Guest guest = MakeGuest(30);
  guest.mutable_statistics()->set_stretched_period_ms(10'000);
  const HostVerdict verdict = Judge(MakeHost(), {guest});
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(Whats(verdict.notes), std::vector<std::string>{"period_stretched"});
}

TEST(HostVerdictTest, AGuestThatIsCapturedOnDemandIsNeverOverdue) {
  v1::Guest guest = MakeGuest(500);
  guest.mutable_policy()->set_period_ms(0);
  EXPECT_TRUE(Judge(MakeHost(), {guest}).healthy());
}

TEST(HostVerdictTest, AGuestThatIsNewHasTimeForItsFirstSnapshot) {
  v1::Guest guest = MakeGuest(0);
  guest.clear_newest_snapshot();
  const HostVerdict verdict = Judge(MakeHost(), {guest});
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(Whats(verdict.notes), std::vector<std::string>{"no_snapshot_yet"});
}

TEST(HostVerdictTest, AnArenaThatIsNearlyFullIsAProblem) {
  v1::Host host = MakeHost();
  host.mutable_daemon()->set_arena_bytes(949);
  EXPECT_TRUE(Judge(host, {}).healthy());
  host.mutable_daemon()->set_arena_bytes(950);
  EXPECT_EQ(Whats(Judge(host, {}).problems), std::vector<std::string>{"arena_full"});
}

TEST(HostVerdictTest, NotesAreNoProblems) {
  v1::Host host = MakeHost();
  host.mutable_daemon()->set_guardian_resumes(1);
  host.mutable_daemon()->set_guardian_respawns(2);
  v1::Guest guest = MakeGuest(1);
  guest.set_unreadable_reason("no shared RAM");
  const HostVerdict verdict = Judge(host, {guest});
  EXPECT_TRUE(verdict.healthy());
  EXPECT_EQ(verdict.guests, 1u);
  EXPECT_EQ(verdict.captured, 0u);
  EXPECT_EQ(Whats(verdict.notes),
            (std::vector<std::string>{"guardian_resumed", "guardian_restarted", "not_captured"}));
}

}  // namespace
}  // namespace stillframe::cli
