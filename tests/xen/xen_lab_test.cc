// The Xen lab itself: a real Xen, guests, and the way from a monitor on the host to the gateway in
// dom0. Guests of the simulated backend stand in for Xen's own here.
#include "support/xen_lab.h"

#include <gmock/gmock.h>

#include <string>

#include "support/child_process.h"
#include "support/temp_directory.h"

namespace stillframe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class XenLabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status available = xen_lab::Available();
    if (!available.ok()) GTEST_SKIP() << available;
  }

  static std::string Dom0(const std::string& command) {
    const auto output = xen_lab::Succeed(command);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.value_or("");
  }
};

TEST_F(XenLabTest, Dom0RunsOnXen) {
  EXPECT_THAT(Dom0("cat /proc/xen/capabilities"), HasSubstr("control_d"));
  EXPECT_THAT(Dom0("xl info"), HasSubstr("xen_version"));
}

TEST_F(XenLabTest, CommandsThatHangAreKilled) {
  const auto ran = xen_lab::Run("echo begun; sleep 1000", std::chrono::seconds(2));
  ASSERT_TRUE(ran.ok()) << ran.status();
  EXPECT_EQ(ran->status, 124);
  EXPECT_THAT(ran->output, HasSubstr("begun"));
  EXPECT_THAT(Dom0("ps"), Not(HasSubstr("sleep 1000")));
}

TEST_F(XenLabTest, TheTinyGuestRunsItsWorkload) {
  const auto domain = xen_lab::CreateGuest("tiny");
  ASSERT_TRUE(domain.ok()) << domain.status();
  EXPECT_THAT(Dom0("xl list"), HasSubstr("tiny"));
  EXPECT_EQ(Dom0("xl domname " + *domain), "tiny\n");
  EXPECT_THAT(Dom0("cat /var/log/xen/guest-tiny.log"), HasSubstr("torn_pages 2048"));
  Dom0("xl destroy tiny");
  EXPECT_THAT(Dom0("xl list"), Not(HasSubstr("tiny")));
}

constexpr char kStartStack[] = R"(
rm -rf /tmp/stack && mkdir -p /tmp/stack/guests && cd /tmp/stack
cat >stillframed.toml <<TOML
[daemon]
socket = "/tmp/stack/stillframed.sock"
socket_group = ""
ledger = "/tmp/stack/pauses"
discovery_period_ms = 200
[backends]
sim_directory = "/tmp/stack/guests"
[defaults]
period_ms = 500
generations_max = 32
TOML
stillframe-simguest --directory guests --name lab --ram-mib 16 --vcpus 1 --workload torn \
  --window-pages 256 --dirty-pages-per-second 4000 >simguest.log 2>&1 & echo $! >pids
stillframed --config stillframed.toml >stillframed.log 2>&1 & echo $! >>pids
stillframe-gateway --daemon-socket /tmp/stack/stillframed.sock --listen 127.0.0.1:7443 \
  >gateway.log 2>&1 & echo $! >>pids
export STILLFRAME_TARGET=127.0.0.1:7443
until stillframe show lab >show.log 2>&1; do sleep 1; done
)";

TEST_F(XenLabTest, AMonitorOnTheHostReadsSnapshotsTakenInDom0) {
  const auto started = xen_lab::Succeed(kStartStack, std::chrono::seconds(60));
  ASSERT_TRUE(started.ok()) << started.status() << Dom0("tail -n 5 /tmp/stack/*.log");
  const auto target = xen_lab::GatewayTarget();
  ASSERT_TRUE(target.ok()) << target.status();

  const TempDirectory directory;
  auto verify =
      ChildProcess::Start({STILLFRAME_CLI, "--target", *target, "verify", "lab", "--count", "20"},
                          directory.path() + "/verify.log");
  ASSERT_TRUE(verify.ok()) << verify.status();
  EXPECT_EQ((*verify)->Wait(), 0) << (*verify)->Log() << Dom0("tail -n 5 /tmp/stack/*.log");
  Dom0("kill $(cat /tmp/stack/pids); rm -rf /tmp/stack");
}

}  // namespace
}  // namespace stillframe
