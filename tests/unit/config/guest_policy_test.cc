#include "config/guest_policy.h"

#include <gtest/gtest.h>

namespace stillframe {
namespace {

constexpr char kId[] = "6a0e1f5c-3a1b-4c52-9d5b-0f2f6a7c1d2e";

GuestRule Rule(const char* match, std::uint64_t period_ms) {
  GuestRule rule;
  rule.match = match;
  rule.config.policy.period_ms = period_ms;
  return rule;
}

std::uint64_t PeriodFor(const GuestPolicies& policies, std::string_view name) {
  return policies.PolicyFor(name, *Uuid::Parse(kId)).policy.period_ms;
}

TEST(GuestPoliciesTest, FirstMatchingRuleWins) {
  GuestPolicies policies;
  policies.rules = {Rule("web1", 1), Rule("web*", 2), Rule("*", 3)};
  EXPECT_EQ(PeriodFor(policies, "web1"), 1u);
  EXPECT_EQ(PeriodFor(policies, "web2"), 2u);
  EXPECT_EQ(PeriodFor(policies, "db"), 3u);
}

TEST(GuestPoliciesTest, DefaultsHoldWhereNoRuleMatches) {
  GuestPolicies policies;
  policies.defaults.policy.period_ms = 7;
  policies.rules = {Rule("web[0-9]", 1)};
  EXPECT_EQ(PeriodFor(policies, "webx"), 7u);
}

TEST(GuestPoliciesTest, UuidMatchesTheGuestWhateverItsNameAndCase) {
  GuestPolicies policies;
  policies.rules = {Rule("6A0E1F5C-3A1B-4C52-9D5B-0F2F6A7C1D2E", 4)};
  EXPECT_EQ(PeriodFor(policies, "anything"), 4u);
  EXPECT_EQ(policies.PolicyFor(kId, Uuid{}).policy.period_ms, 1000u);
}

}  // namespace
}  // namespace stillframe
