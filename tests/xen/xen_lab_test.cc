// The Xen lab itself: a real Xen and its guests.
#include "support/xen_lab.h"

#include <gmock/gmock.h>

#include <string>

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

}  // namespace
}  // namespace stillframe
