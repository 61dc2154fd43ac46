#include "access/policy_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "base/status.h"

namespace stillframe {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto policy = ParseAccessPolicy(text, "policy.toml");
  return policy.ok() ? "accepted" : MessageOf(policy.status());
}

std::string FileText(const std::string& path) {
  std::ifstream file(std::string(STILLFRAME_SOURCE_DIR "/") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(PolicyFileTest, GrantsAndQuotasAreRead) {
  const auto policy = ParseAccessPolicy(R"(
[[grant]]
principals = ["spiffe://example.org/monitor/*", "group:secops"]
guests = ["web*", "6f1c02aa-0000-4000-8000-000000000001"]
rights = ["read", "pin"]

[[quota]]
principals = ["spiffe://example.org/*"]
streams_max = 3
captures_per_minute_max = 6
)",
                                        "policy.toml");
  ASSERT_TRUE(policy.ok()) << policy.status();
  const Principal monitor{"spiffe://example.org/monitor/m1", {}};
  const Rights rights = policy->RightsOn(monitor, "web1", "");
  EXPECT_TRUE(rights.Has(Right::kPin));
  EXPECT_FALSE(rights.Has(Right::kCapture));
  EXPECT_EQ(policy->LimitsOf(monitor).streams_max, 3u);
  EXPECT_EQ(policy->LimitsOf(monitor).captures_per_minute_max, 6u);
  EXPECT_EQ(policy->LimitsOf(monitor).pins_max, 0u);
}

TEST(PolicyFileTest, AnEmptyFileGrantsNothing) {
  const auto policy = ParseAccessPolicy("", "policy.toml");
  ASSERT_TRUE(policy.ok());
  EXPECT_FALSE(policy->GrantsAnything({"user:root", {"user:0"}}));
}

struct BadPolicy {
  std::string_view text;
  std::string_view error;
};

class PolicyFileErrorTest : public testing::TestWithParam<BadPolicy> {};

TEST_P(PolicyFileErrorTest, IsOneLineWithFileLineKeyAndCause) {
  EXPECT_EQ(ErrorOf(GetParam().text), GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    Files, PolicyFileErrorTest,
    testing::Values(
        BadPolicy{"[[grant]]\nprincipals = [\"dns:m\"]\nguests = [\"*\"]\nrights = [\"raed\"]\n",
                  "policy.toml:4: grant.rights: \"raed\" is no right; did you mean read?"},
        BadPolicy{"[[grant]]\nprincipals = [\"dns:m\"]\nguests = [\"*\"]\n",
                  "policy.toml:1: grant.rights: missing"},
        BadPolicy{"[[grant]]\nprincipals = [\"ann\"]\nguests = [\"*\"]\nrights = [\"read\"]\n",
                  "policy.toml:2: grant.principals: \"ann\" is no principal: write "
                  "spiffe://DOMAIN/PATH, dns:NAME, user:NAME, group:NAME or anonymous"},
        BadPolicy{"[[grants]]\n", "policy.toml:1: grants: unknown section; did you mean grant?"},
        BadPolicy{"[grant]\n", "policy.toml:1: grant: write it as [[grant]]"},
        BadPolicy{"[[quota]]\nstreams_max = 1\n", "policy.toml:1: quota.principals: missing"},
        BadPolicy{"[[quota]]\nprincipals = [\"dns:m\"]\nstreams_max = -1\n",
                  "policy.toml:3: quota.streams_max: -1 is out of range (1..65536 streams, or 0: "
                  "the gateway's own bound alone)"}));

TEST(PolicyFileTest, TheShippedFileIsWhatTheSchemaSaysAndDeniesEverything) {
  EXPECT_EQ(FileText("config/policy.toml"), DefaultPolicyToml());
  const auto policy = ParseAccessPolicy(DefaultPolicyToml(), "policy.toml");
  ASSERT_TRUE(policy.ok()) << policy.status();
  EXPECT_TRUE(policy->grants().empty());
}

TEST(PolicyFileTest, TheManualPageGivesEveryKeyItsRange) {
  const std::string manual = FileText("daemon/man/policy.toml.5");
  GrantEntry grant;
  QuotaRule quota;
  for (const Section& section : DescribeAccessPolicy(grant, quota)) {
    for (const Key& key : section.keys) {
      EXPECT_NE(manual.find("\n.B " + std::string(key.name) + "\n"), std::string::npos) << key.name;
      EXPECT_NE(manual.find("Range: " + RangeText(key) + "."), std::string::npos) << key.name;
    }
  }
}

}  // namespace
}  // namespace stillframe
