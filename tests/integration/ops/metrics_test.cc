// The metrics endpoint of a real gateway over a real daemon and guests.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <vector>

#include "integration/ops/metrics_stack.h"

namespace stillframe {
namespace {

using testing::HasSubstr;
using testing::Not;
using MetricsTest = MetricsStackTest;

TEST_F(MetricsTest, AScrapeAgreesWithTheApi) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16", "--workload", "torn"});
  ASSERT_NE(guest, nullptr);
  StartWithMetrics("period_ms = 0");
  const std::map<std::string, std::string> labels = {{"guest", "web1"},
                                                     {"uuid", guest->id().ToString()}};
  ASSERT_TRUE(Eventually([&] { return remote().Capture("web1").ok(); }));
  ASSERT_TRUE(remote().Capture("web1").ok());
  const auto seen = remote().GetGuest("web1");
  ASSERT_TRUE(seen.ok()) << seen.status();
  const auto reader = remote().OpenSnapshot(Select("web1"));
  ASSERT_TRUE(reader.ok()) << reader.status();

  const Exposition scrape = Scrape();
  const v1::CaptureTotals& totals = seen->statistics().totals();
  EXPECT_GE(totals.captures(), 2u);
  EXPECT_EQ(ValueOf(scrape, "stillframe_captures_total", labels),
            static_cast<double>(totals.captures()));
  EXPECT_EQ(ValueOf(scrape, "stillframe_pause_seconds_count", labels),
            static_cast<double>(totals.pauses().count()));
  EXPECT_GT(ValueOf(scrape, "stillframe_pause_seconds_sum", labels), 0);
  EXPECT_EQ(ValueOf(scrape, "stillframe_changed_bytes_total", labels),
            static_cast<double>(totals.changed_bytes()));
  EXPECT_EQ(ValueOf(scrape, "stillframe_snapshot_generation", labels),
            static_cast<double>(seen->latest_generation()));
  EXPECT_EQ(ValueOf(scrape, "stillframe_guest_captured", labels), 1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_capture_failing", labels), 0);
  EXPECT_GE(ValueOf(scrape, "stillframe_guest_pins", labels), 1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_gateway_streams"), 1);  // the reader's pin
  EXPECT_GE(ValueOf(scrape, "stillframe_gateway_calls_total",
                    {{"method", "SnapshotService/CaptureSnapshot"}, {"code", "OK"}}),
            2);
  EXPECT_EQ(ValueOf(scrape, "stillframe_daemon_up"), 1);
  EXPECT_GT(ValueOf(scrape, "stillframe_arena_bytes"), 0);
  EXPECT_GT(ValueOf(scrape, "stillframe_arena_limit_bytes"),
            ValueOf(scrape, "stillframe_arena_bytes"));
  double memory = 0;
  for (const char* const content : {"data", "zero", "absent"}) {
    auto of_content = labels;
    of_content["content"] = content;
    memory += ValueOf(scrape, "stillframe_snapshot_bytes", of_content);
  }
  EXPECT_EQ(memory, static_cast<double>(seen->page_count() * kPageBytes));
}

TEST_F(MetricsTest, CountersOnlyGrowWhileAGuestIsCaptured) {
  const auto guest = StartGuest("web1", {"--ram-mib", "16", "--workload", "torn"});
  ASSERT_NE(guest, nullptr);
  StartWithMetrics("period_ms = 10");
  std::map<std::pair<std::string, std::map<std::string, std::string>>, double> before;
  for (int round = 0; round < 20; ++round) {
    const Exposition scrape = Scrape();
    for (const auto& [name, family] : scrape.families) {
      if (family.type == "gauge") continue;
      for (const auto& sample : family.samples) {
        if (sample.labels.contains("quantile")) continue;
        double& last = before[{sample.name, sample.labels}];
        EXPECT_GE(sample.value, last) << sample.name;
        last = sample.value;
      }
    }
  }
  EXPECT_GT(before.size(), 20u);
}

TEST_F(MetricsTest, FailuresAreCountedByReason) {
  // More than fits into the two segments that an arena has at least.
  const auto guest =
      StartGuest("large", {"--ram-mib", "192", "--workload", "random", "--window-pages", "46000"});
  ASSERT_NE(guest, nullptr);
  StartWithMetrics("period_ms = 0\narena_bytes_max = 67108864");
  const std::map<std::string, std::string> labels = {{"guest", "large"},
                                                     {"uuid", guest->id().ToString()}};
  auto with_reason = labels;
  with_reason["reason"] = "LIMIT_EXCEEDED";
  ASSERT_TRUE(Eventually([&] {
    return absl::IsResourceExhausted(remote().Capture("large").status());
  })) << stack_->daemon().Log();
  const Exposition scrape = Scrape();
  EXPECT_GE(ValueOf(scrape, "stillframe_capture_failures_total", with_reason), 1);
  EXPECT_EQ(ValueOf(scrape, "stillframe_capture_failing", labels), 1);
}

TEST_F(MetricsTest, ADaemonThatDiedIsToldAndOneThatIsBackToo) {
  StartWithMetrics("");
  stack_->daemon().Signal(SIGKILL);
  stack_->daemon().Wait();
  EXPECT_TRUE(Eventually([&] { return ValueOf(Scrape(), "stillframe_daemon_up") == 0; }));
  ASSERT_TRUE(stack_->StartDaemon().ok());
  EXPECT_TRUE(Eventually([&] { return ValueOf(Scrape(), "stillframe_daemon_up") == 1; }));
}

TEST_F(MetricsTest, NothingButMetricsIsServed) {
  StartWithMetrics("");
  EXPECT_EQ(HttpGet(port_, "/metrics").status, 200);
  EXPECT_THAT(HttpGet(port_, "/metrics").headers, HasSubstr("text/plain"));
  for (const char* const path :
       {"/", "/etc/passwd", "/../../etc/passwd", "/metrics/../etc/passwd"}) {
    const HttpResponse response = HttpGet(port_, path);
    EXPECT_NE(response.status, 200) << path;
    EXPECT_THAT(response.body, Not(HasSubstr("root:"))) << path;
  }
  EXPECT_NE(HttpExchange(port_, "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx").status,
            200);
}

// A caller that says nothing, or rubbish, takes a thread for a few seconds and no more.
TEST_F(MetricsTest, SilentAndHostileCallersDoNotKeepTheScraperOut) {
  StartWithMetrics("");
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 6; ++i) silent.push_back(DialLoopback(port_));
  EXPECT_NE(HttpExchange(port_, std::string(100'000, 'A') + "\r\n\r\n").status, 200);
  EXPECT_NE(HttpExchange(port_, std::string("\x16\x03\x01\x02\x00\x01\x00", 7)).status, 200);
  EXPECT_TRUE(Eventually([&] { return HttpGet(port_, "/metrics").status == 200; }));
}

// Local addresses that are listened on at `port`, as /proc/net/tcp has them.
std::vector<std::string> ListenersAt(int port) {
  std::vector<std::string> addresses;
  for (const char* const table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(table);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    std::string rest;
    while (file >> number >> local >> remote >> state && std::getline(file, rest)) {
      if (state == "0A" && local.ends_with(fmt::format(":{:04X}", port))) {
        addresses.push_back(local.substr(0, local.find(':')));
      }
    }
  }
  return addresses;
}

TEST_F(MetricsTest, OnlyTheLoopbackInterfaceIsListenedOn) {
  StartWithMetrics("");
  EXPECT_THAT(ListenersAt(port_), testing::ElementsAre("0100007F"));
}

TEST_F(MetricsTest, NothingIsServedUnasked) {
  StartStack("");
  EXPECT_THAT(stack_->gateway().Log(), Not(HasSubstr("metrics")));
}

}  // namespace
}  // namespace stillframe
