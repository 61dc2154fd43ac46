#include "guest/xen/domain.h"

#include "gtest/gtest.h"

namespace stillframe {
namespace {

xc_domaininfo_t Raw(std::uint32_t domid, std::uint32_t flags) {
  xc_domaininfo_t raw{};
  raw.domain = static_cast<domid_t>(domid);
  raw.flags = flags;
  raw.handle[0] = 0xab;
  raw.handle[15] = 0xcd;
  raw.cpu_time = 7;
  raw.tot_pages = 24594;
  raw.max_vcpu_id = 1;
  raw.nr_online_vcpus = 1;
  return raw;
}

std::uint32_t ShutDown(std::uint32_t reason) {
  return XEN_DOMINF_shutdown | reason << XEN_DOMINF_shutdownshift;
}

TEST(XenDomainTest, TakesIdentityAndSizesFromXensReply) {
  const Domain domain = DecodeDomain(Raw(5, XEN_DOMINF_hvm_guest));
  EXPECT_EQ(domain.domid, 5u);
  EXPECT_EQ(domain.id.ToString(), "ab000000-0000-0000-0000-0000000000cd");
  EXPECT_TRUE(domain.translated);
  EXPECT_EQ(domain.pages, 24594u);
  EXPECT_EQ(domain.vcpus_created, 2u);
  EXPECT_EQ(domain.vcpus_online, 1u);
}

TEST(XenDomainTest, WithoutVcpusNoneAreCounted) {
  xc_domaininfo_t raw = Raw(5, 0);
  raw.max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
  EXPECT_EQ(DecodeDomain(raw).vcpus_created, 0u);
}

TEST(XenDomainTest, StatesFollowFlagsAndShutdownReason) {
  EXPECT_EQ(DecodeDomain(Raw(1, XEN_DOMINF_running)).state, RunState::kRunning);
  EXPECT_EQ(DecodeDomain(Raw(1, XEN_DOMINF_blocked)).state, RunState::kRunning);
  EXPECT_EQ(DecodeDomain(Raw(1, XEN_DOMINF_paused)).state, RunState::kPaused);
  EXPECT_EQ(DecodeDomain(Raw(1, ShutDown(SHUTDOWN_poweroff))).state, RunState::kShutDown);
  EXPECT_EQ(DecodeDomain(Raw(1, ShutDown(SHUTDOWN_crash))).state, RunState::kCrashed);
  EXPECT_EQ(DecodeDomain(Raw(1, ShutDown(SHUTDOWN_suspend))).state, RunState::kPaused);
}

TEST(XenDomainTest, APausedDomainThatNeverRanIsBeingBuilt) {
  xc_domaininfo_t raw = Raw(1, XEN_DOMINF_paused);
  EXPECT_FALSE(DecodeDomain(raw).never_ran);
  raw.cpu_time = 0;
  EXPECT_TRUE(DecodeDomain(raw).never_ran);
}

TEST(XenDomainTest, OfOneUuidTheLivingDomainIsFound) {
  const Domain dying = DecodeDomain(Raw(3, XEN_DOMINF_dying));
  const Domain living = DecodeDomain(Raw(4, 0));
  EXPECT_EQ(FindLiving({dying, living}, living.id)->domid, 4u);
  EXPECT_FALSE(FindLiving({dying}, living.id).has_value());
}

TEST(XenDomainTest, ARunningDomainGoesBeforeOneThatIsBeingBuilt) {
  xc_domaininfo_t raw = Raw(9, XEN_DOMINF_paused);
  raw.cpu_time = 0;
  const Domain built = DecodeDomain(raw);
  const Domain running = DecodeDomain(Raw(4, 0));
  EXPECT_EQ(FindLiving({built, running}, running.id)->domid, 4u);
  EXPECT_EQ(FindLiving({running, built}, running.id)->domid, 4u);
}

}  // namespace
}  // namespace stillframe
